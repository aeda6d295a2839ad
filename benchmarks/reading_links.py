"""Reading a link that none of 1,000 contacts can have written: what every foreign link in a busy chat costs."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.measuring import Figure, Row, Samples, interleaved
from peer.calls.link_reader import LinkReader
from shared.links.kinds import BadLink, LinkKind, PairedToken, decode
from shared.links.paired import Keyring
from shared.node_id import NodeId
from shared.store import Store

NAME = "reading-links"
ROUNDS = 15
CONTACTS = 1000

GOAL = 5_000
"Microseconds."


def measure(rounds: int = ROUNDS, contacts: int = CONTACTS) -> Figure:
    """Another link in each round, the same for every reader of it."""
    own = _random_node()
    secrets_of = [(_random_node(), secrets.token_bytes(32)) for _ in range(contacts)]
    keyring = Keyring(own, secrets_of)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "home" / "copybara.db") as store:
        for node, secret in secrets_of:
            store.propose_secret(node, secret, 1)
            store.commit_secret(node, secret)
        reader = LinkReader(own, store, X25519PrivateKey.generate())
        tokens = [_foreign_token() for _ in range(rounds + 1)]
        with_keyring, with_store, after_change, only_decoded, one_by_one = interleaved(
            rounds,
            _reads(tokens, lambda token: keyring.open(_paired(token))),
            _reads(tokens, lambda token: _refused(reader, token)),
            _reads(tokens, lambda token: _refused(reader, token), before=lambda: _pair_anew(store, secrets_of[0])),
            _reads(tokens, decode),
            _reads(tokens, lambda token: _open_one_by_one(token, own, secrets_of)),
        )
    keyring_name = f"keyring of {contacts:,}"
    program = "the program's reader, with its database"
    changed = "the same, first time after a call has re-keyed a contact"
    decoding, each_alone = "decoding alone", "without the keyring"
    decoded, alone = Samples.of(only_decoded), Samples.of(one_by_one)
    return Figure(
        NAME,
        f"Reading a link that none of {contacts:,} contacts can have written",
        (
            Row(keyring_name, Samples.of(with_keyring), decoding, decoded, "µs", GOAL),
            Row(keyring_name, Samples.of(with_keyring), each_alone, alone, "µs", GOAL),
            Row(program, Samples.of(with_store), each_alone, alone, "µs", GOAL),
            Row(changed, Samples.of(after_change), each_alone, alone, "µs", GOAL),
        ),
    )


def _reads(
    tokens: list[str], read: Callable[[str], object], before: Callable[[], object] = lambda: None
) -> Callable[[], float]:
    """A run that takes the next token and returns the microseconds that reading it took."""
    coming = iter(tokens)

    def run() -> float:
        token = next(coming)
        before()
        start = time.perf_counter_ns()
        read(token)
        return (time.perf_counter_ns() - start) / 1000

    return run


def _open_one_by_one(token: str, own: NodeId, secrets_of: list[tuple[NodeId, bytes]]) -> None:
    paired = _paired(token)
    for node, secret in secrets_of:
        Keyring(own, [(node, secret)]).open(paired)


def _refused(reader: LinkReader, token: str) -> None:
    with contextlib.suppress(BadLink):
        reader.open(token)


def _pair_anew(store: Store, contact: tuple[NodeId, bytes]) -> None:
    """What a call with a contact does to the store, with the same number of secrets after it."""
    node, _ = contact
    secret = secrets.token_bytes(32)
    store.propose_secret(node, secret, 1)
    store.commit_secret(node, secret)
    store.note_secret_used(node, secret)


def _paired(token: str) -> PairedToken:
    link = decode(token)
    assert isinstance(link, PairedToken)
    return link


def _foreign_token() -> str:
    return PairedToken(bytes([LinkKind.PAIRED.first_byte]) + secrets.token_bytes(47)).token


def _random_node() -> NodeId:
    return NodeId(secrets.token_bytes(32))
