"""How the store and the reader of links grow: with contacts, with the call log, and with the journal of a year."""

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
from shared.call.records import CallRecord
from shared.contacts import Contact
from shared.links.kinds import BadLink, LinkKind, PairedToken
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store
from shared.store.calls import CALLS_LOGGED
from shared.store.database import encode

NAME = "growth"
ROUNDS = 9
FEW, MANY, MOST = 100, 1_000, 10_000
"Contacts."

LOG_ROWS = 100_000
"Calls: a hundred times what the program keeps."

JOURNAL_ROWS = 365 * 200
"Messages of a year, 200 a day; the program forgets their numbers after eight days."

KEPT_NUMBERS = 8 * 200
"What the program keeps of them."

PER_CONTACT_GOAL = 2.0
"Microseconds."


def measure(rounds: int = ROUNDS, few: int = FEW, many: int = MANY, most: int = MOST, rows: int = LOG_ROWS) -> Figure:
    """Small homes and large ones in turns."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        homes = {count: stack.enter_context(_home(Path(folder) / str(count), count)) for count in (few, many, most)}
        reads = [_reads(store, count) for count, store in homes.items()]
        with_few, with_many, with_most = (Samples.of(each) for each in interleaved(rounds, *reads))
        plain = stack.enter_context(_home(Path(folder) / "plain", few))
        long = stack.enter_context(_home(Path(folder) / "long", few))
        _fill(long, rows, JOURNAL_ROWS)
        old = stack.enter_context(_home(Path(folder) / "old", few))
        _fill(old, CALLS_LOGGED, KEPT_NUMBERS)
        looks = [_timed(_start, home) for home in (plain, old, long)]
        looks += [_timed(_shown, home) for home in (plain, long)]
        start, start_old, start_long, shown, shown_long = (Samples.of(each) for each in interleaved(rounds, *looks))
    unit, few_contacts = "µs a contact", f"{few:,} contacts"
    return Figure(
        NAME,
        "Growth",
        (
            Row(f"a foreign link, {many:,} contacts", with_many, few_contacts, with_few, unit, PER_CONTACT_GOAL),
            Row(f"a foreign link, {most:,} contacts", with_most, few_contacts, with_few, unit, PER_CONTACT_GOAL),
            Row("opening what years of use leave", start_old, "a new home", start, "ms"),
            Row(f"opening {rows:,} calls and a year's messages", start_long, "a new home", start, "ms"),
            Row(f"contacts and the last calls, {rows:,} calls", shown_long, "a new home", shown, "ms"),
        ),
    )


def _home(folder: Path, contacts: int) -> Store:
    store = Store(folder / "copybara.db")
    with store.transaction() as database:
        for number in range(contacts):
            node = NodeId(secrets.token_bytes(32))
            contact = Contact(name=f"contact-{number}", node=node, created=number)
            # As save_contact writes it, without comparing each name with all others.
            database.execute(
                "INSERT INTO contacts (name_key, node, value) VALUES (?, ?, ?)",
                (contact.name.encode(), node.key, encode(contact)),
            )
            database.execute(
                "INSERT INTO pair_secrets (node, secret, committed, proposed_at) VALUES (?, ?, 1, 1)",
                (node.key, secrets.token_bytes(32)),
            )
    return store


def _fill(store: Store, rows: int, numbers: int) -> None:
    record = CallRecord(
        reference=bytes(8),
        peer=NodeId(bytes(32)),
        role="caller",
        media=Media.BOTH,
        started=1,
        connected=2,
        ended=3,
        reason="hung-up",
    )
    value = encode(record)
    with store.transaction() as database:
        database.executemany("INSERT INTO call_log (value) VALUES (?)", [(value,)] * rows)
        database.executemany(
            "INSERT INTO inbox (messenger, id, stored, entry) VALUES ('telegram', ?, 1, NULL)",
            [(number,) for number in range(numbers)],
        )


def _reads(store: Store, contacts: int) -> Callable[[], float]:
    """Microseconds a contact that reading a link took which none of them can have written."""
    reader = LinkReader(NodeId(secrets.token_bytes(32)), store, X25519PrivateKey.generate())

    def run() -> float:
        token = PairedToken(bytes([LinkKind.PAIRED.first_byte]) + secrets.token_bytes(47)).token
        start = time.perf_counter_ns()
        with contextlib.suppress(BadLink):
            reader.open(token)
        return (time.perf_counter_ns() - start) / 1000 / contacts

    run()  # derives the keys
    return run


def _timed(look: Callable[[Store], object], store: Store) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter_ns()
        look(store)
        return (time.perf_counter_ns() - start) / 1e6

    return run


def _start(store: Store) -> None:
    with Store(store.path):
        pass


def _shown(store: Store) -> None:
    store.contacts()
    store.call_log(20)
