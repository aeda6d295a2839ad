"""What a messenger receives and sends, stored so that a killed process loses nothing and does nothing twice.

Incoming messages are stored before they are carried out. One transaction stores the effects of a message, the messages
that it causes, and the mark that it is done. So an entry that isn't done has sent nothing. Outgoing messages are stored
before they are sent, and deleted when the messenger has them.

The journal treats values as bytes. Of an entry that is done, only the number is kept, to recognize it if it comes
again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

from shared.store.database import Database

KEPT_SECONDS = 8 * 24 * 3600
"How long the number of an entry is kept: longer than any messenger repeats one."


MISSED_KEPT = 200
"How many missed calls are kept until the owner hears of them. The newest are kept."

ASIDE_KEPT = 20
"How many entries that failed are kept, and how many refused messages. The newest of each are kept."

ASIDE_IN, ASIDE_OUT = "aside:in:", "aside:out:"
"The prefixes of the facts that hold them."


UNFINISHED = "unfinished:"
"The prefix of facts that hold commands whose name is still being looked up."

OWNER, CODE, CONNECTION = "owner", "code", "connection:"
"""The facts that hold who commands and the code that makes somebody the owner, and the prefix of those that hold
connections to the owner's account."""

CHOICES = "choices"
"The fact that holds the numbers that an owner without buttons may reply, and what they stand for."


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored value."""

    id: int
    value: bytes
    call: str | None = None
    "The call that it belongs to, if any."


class Journal:
    """The journal of one messenger. Every method is one transaction, in the thread of its store.

    In a running program: `await thread.write(lambda store: Journal(store, "telegram").done(…))`.
    """

    def __init__(self, store: Database, messenger: str) -> None:
        self._store = store
        self._messenger = messenger

    # Incoming.

    def store(self, entries: Iterable[tuple[int, bytes]], now: int) -> None:
        """Store new entries, each with the messenger's number. Entries that are stored already don't change.

        `now` is in Unix seconds.
        """
        with self._store.transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO inbox (messenger, id, stored, entry) VALUES (?, ?, ?, ?)",
                [(self._messenger, number, now, entry) for number, entry in entries],
            )

    def waiting(self) -> list[Kept]:
        """The entries that aren't done, in order of their numbers."""
        rows = self._store.rows(
            "SELECT id, entry FROM inbox WHERE messenger = ? AND entry IS NOT NULL ORDER BY stored, id",
            self._messenger,
        )
        return [Kept(number, bytes(entry)) for number, entry in rows]

    def done(
        self,
        numbers: Iterable[int],
        *,
        outgoing: Iterable[tuple[str | None, bytes]] = (),
        shown: dict[str, bytes] | None = None,
        missed: Iterable[bytes] = (),
        facts: dict[str, bytes | None] | None = None,
        aside: Iterable[bytes] = (),
    ) -> None:
        """Mark entries as done, and store their effects: messages to send, calls to show, calls missed.

        `aside` are entries that failed.
        """
        with self._store.transaction() as database:
            database.executemany(
                "UPDATE inbox SET entry = NULL WHERE messenger = ? AND id = ?",
                [(self._messenger, number) for number in numbers],
            )
            database.executemany(
                "INSERT INTO outbox (messenger, call, value) VALUES (?, ?, ?)",
                [(self._messenger, call, value) for call, value in outgoing],
            )
            database.executemany(
                "INSERT OR REPLACE INTO shown_calls (messenger, call, value) VALUES (?, ?, ?)",
                [(self._messenger, call, value) for call, value in (shown or {}).items()],
            )
            self._set(database, facts or {})
            database.executemany(
                "INSERT INTO missed_calls (messenger, value) VALUES (?, ?)",
                [(self._messenger, value) for value in missed],
            )
            self._set_aside(database, ASIDE_IN, aside)

    def forget_commands(self, facts: Iterable[str] = ()) -> None:
        """Delete what isn't carried out yet, because the messenger has another owner, and these single values."""
        gone = dict.fromkeys([*self.facts(UNFINISHED), CHOICES, *facts])
        self.done([entry.id for entry in self.waiting()], facts=gone)

    def forget_everything(self) -> None:
        """Delete everything, because the messenger has another account, with other numbers and other people."""
        with self._store.transaction() as database:
            for table in ("inbox", "outbox", "shown_calls", "missed_calls", "messenger_facts"):
                database.execute(f"DELETE FROM {table} WHERE messenger = ?", (self._messenger,))  # noqa: S608 - ours

    # Outgoing.

    def outgoing(self, after: int = 0) -> list[Kept]:
        """The unsent messages with a number above `after`, in order."""
        rows = self._store.rows(
            "SELECT id, value, call FROM outbox WHERE messenger = ? AND id > ? ORDER BY id", self._messenger, after
        )
        return [Kept(number, bytes(value), call) for number, value, call in rows]

    def sent(
        self,
        numbers: Iterable[int],
        *,
        instead: Iterable[tuple[str | None, bytes]] = (),
        aside: Iterable[bytes] = (),
    ) -> None:
        """Delete messages that were sent or refused. `instead` replaces them; `aside` are refused for good."""
        with self._store.transaction() as database:
            database.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])
            self._set_aside(database, ASIDE_OUT, aside)
            database.executemany(
                "INSERT INTO outbox (messenger, call, value) VALUES (?, ?, ?)",
                [(self._messenger, call, value) for call, value in instead],
            )

    def _set_aside(self, database: sqlite3.Connection, beginning: str, values: Iterable[bytes]) -> None:
        """Keep values for someone who investigates, and delete the oldest. Their names sort by age."""
        for value in values:
            database.execute(
                "INSERT OR REPLACE INTO messenger_facts (messenger, name, value) VALUES (?, ?, ?)",
                (self._messenger, f"{beginning}{time.time_ns()}", value),
            )
            database.execute(
                "DELETE FROM messenger_facts WHERE messenger = :messenger AND name IN "
                "(SELECT name FROM messenger_facts WHERE messenger = :messenger "
                "AND substr(name, 1, length(:beginning)) = :beginning "
                "ORDER BY length(name) DESC, name DESC LIMIT -1 OFFSET :kept)",
                {"messenger": self._messenger, "beginning": beginning, "kept": ASIDE_KEPT},
            )

    def take_back(self, call: str) -> None:
        """Delete the unsent messages of a call."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM outbox WHERE messenger = ? AND call = ?", (self._messenger, call))

    # Calls with their own message.

    def shown(self) -> dict[str, bytes]:
        """What is stored of these calls, by call."""
        rows = self._store.rows("SELECT call, value FROM shown_calls WHERE messenger = ?", self._messenger)
        return {call: bytes(value) for call, value in rows}

    def show(self, call: str, value: bytes | None) -> None:
        """Store a call, or delete it with None."""
        with self._store.transaction() as database:
            if value is None:
                database.execute("DELETE FROM shown_calls WHERE messenger = ? AND call = ?", (self._messenger, call))
            else:
                database.execute(
                    "INSERT OR REPLACE INTO shown_calls (messenger, call, value) VALUES (?, ?, ?)",
                    (self._messenger, call, value),
                )

    # Missed calls, until the owner gets one notice about all of them.

    def missed(self) -> list[Kept]:
        """The missed calls that the owner hasn't heard of."""
        rows = self._store.rows("SELECT id, value FROM missed_calls WHERE messenger = ? ORDER BY id", self._messenger)
        return [Kept(number, bytes(value)) for number, value in rows]

    def tell_missed(self, upto: int, message: bytes) -> None:
        """Store the notice about missed calls as an outgoing message, and delete the calls up to `upto`."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM missed_calls WHERE messenger = ? AND id <= ?", (self._messenger, upto))
            database.execute("INSERT INTO outbox (messenger, value) VALUES (?, ?)", (self._messenger, message))

    # Single values.

    def fact(self, name: str) -> bytes | None:
        """The value with that name, such as the owner. None if there is none."""
        rows = self._store.rows(
            "SELECT value FROM messenger_facts WHERE messenger = ? AND name = ?", self._messenger, name
        )
        return bytes(rows[0][0]) if rows else None

    def facts(self, beginning: str) -> dict[str, bytes]:
        """The values whose names have that beginning."""
        rows = self._store.rows(
            "SELECT name, value FROM messenger_facts WHERE messenger = ? AND substr(name, 1, ?) = ?",
            self._messenger,
            len(beginning),
            beginning,
        )
        return {name: bytes(value) for name, value in rows}

    def set_facts(self, facts: dict[str, bytes | None]) -> None:
        """Set values, or delete those that are None."""
        with self._store.transaction() as database:
            self._set(database, facts)

    def _set(self, database: sqlite3.Connection, facts: dict[str, bytes | None]) -> None:
        for name, value in facts.items():
            if value is None:
                database.execute(
                    "DELETE FROM messenger_facts WHERE messenger = ? AND name = ?", (self._messenger, name)
                )
            else:
                database.execute(
                    "INSERT OR REPLACE INTO messenger_facts (messenger, name, value) VALUES (?, ?, ?)",
                    (self._messenger, name, value),
                )
