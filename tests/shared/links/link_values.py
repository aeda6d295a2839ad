"""Values that links can hold, for Hypothesis, and one fixed value of each kind."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from shared.links.card import MAX_NAME, MAX_RESOLVES_AS, Card
from shared.links.kinds import (
    BadLink,
    Link,
    LinkKind,
    MovedToken,
    PairedToken,
    Request,
    Response,
    SealedRequest,
    Status,
    decode,
)
from shared.links.paired import Operation, PairedBody
from shared.links.tokens import to_text
from shared.media import Media
from shared.node_id import NodeId

ALICE = NodeId(bytes(range(32)))
BOB = NodeId(bytes(range(32, 64)))

REQUEST = Request.to(
    BOB,
    media=Media.BOTH,
    created=1_700_000_000,
    seed=bytes(range(16)),
    source=ALICE,
    fingerprint=b"f" * 32,
    port=40_000,
)
RESPONSE = Response.accepting(REQUEST, media=Media.AUDIO, seed=bytes(range(8)), fingerprint=b"g" * 32, port=50_000)
PAIRED = PairedToken(b"\x13" + bytes(range(47)))
SEALED = SealedRequest(b"\x14" + bytes(range(144)))
CARD = Card(ALICE, b"k" * 32, "Anna", "anna.azero", "anna_bot", 123_456_789)
MOVED = MovedToken(b"\x16" + bytes(range(64)))
LINKS: tuple[Link, ...] = (REQUEST, RESPONSE, PAIRED, SEALED, CARD, MOVED)

node_ids = st.binary(min_size=32, max_size=32).map(NodeId)
wanted = st.sampled_from([Media.AUDIO, Media.VIDEO, Media.BOTH])
granted = wanted | st.just(Media.NONE)
times = st.integers(0, 2**32 - 1)
ports = st.integers(1, 2**16 - 1)
keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)

requests = st.builds(
    Request,
    media=wanted,
    created=times,
    seed=st.binary(min_size=16, max_size=16),
    source=node_ids,
    destination_hint=st.binary(min_size=8, max_size=8),
    fingerprint=keys,
    port=ports,
)
responses = st.one_of(
    st.builds(
        Response,
        status=st.just(Status.ACCEPT),
        media=granted,
        request_hint=st.binary(min_size=4, max_size=4),
        seed=st.binary(min_size=8, max_size=8),
        fingerprint=keys,
        port=ports,
    ),
    st.builds(Response.refusing, requests, st.sampled_from([Status.DECLINE, Status.BUSY])),
)
paired_tokens = st.binary(min_size=47, max_size=47).map(lambda rest: PairedToken(b"\x13" + rest))
sealed_requests = st.binary(min_size=144, max_size=144).map(lambda rest: SealedRequest(b"\x14" + rest))
moved_tokens = st.binary(min_size=64, max_size=64).map(lambda rest: MovedToken(b"\x16" + rest))


def _names(longest: int) -> st.SearchStrategy[str]:
    """Visible text that is short enough for two of them to fit on a card."""
    visible = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])
    return st.text(visible, max_size=longest).map(lambda text: text.encode()[:30].decode(errors="ignore").strip())


cards = st.builds(
    Card,
    node=node_ids,
    sealing_key=keys,
    name=_names(MAX_NAME),
    resolves_as=_names(MAX_RESOLVES_AS).map(lambda name: "".join(name.split())),
    telegram_bot=st.just("") | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{3,31}", fullmatch=True),
    telegram_user=st.none() | st.integers(1, 2**63 - 1),
)
links: st.SearchStrategy[Link] = st.one_of(requests, responses, paired_tokens, sealed_requests, cards, moved_tokens)

calls = st.builds(PairedBody, operation=st.just(Operation.CALL), media=wanted, created=times, port=ports)
followers = st.builds(
    lambda operation, media, created, port, reference: PairedBody(
        operation, media, created, port if operation is Operation.ACCEPT else 0, reference
    ),
    st.sampled_from([operation for operation in Operation if operation is not Operation.CALL]),
    granted,
    times,
    ports,
    st.binary(min_size=8, max_size=8),
)
bodies = st.one_of(calls, followers)

near_tokens = st.one_of(
    st.text(),
    st.text("ABEFgw0189_-=+/ ", max_size=300),
    st.binary(max_size=200).map(to_text),
    st.builds(
        lambda kind, rest: to_text(bytes([kind.first_byte]) + rest), st.sampled_from(LinkKind), st.binary(max_size=192)
    ),
)
"Text that resembles a token more and more."


def is_accepted(token: str) -> bool:
    """Whether the token is decoded. If so, it must be exactly what its value encodes to."""
    try:
        link = decode(token)
    except BadLink:
        return False
    # Cards may contain fields of a later version, in any order.
    assert link.token == token or isinstance(link, Card)
    assert decode(link.token) == link
    return True


def is_visible(text: str) -> bool:
    """Whether no character of the text is a control, format or separator character."""
    return not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in text)
