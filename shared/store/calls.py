"""The tables of running calls, and of the log of calls that have ended."""

from __future__ import annotations

import logging

from shared.call.records import CallRecord, RunningCall
from shared.errors import StoreError
from shared.node_id import NodeId
from shared.store.database import Database, encode

logger = logging.getLogger(__name__)

CALLS_LOGGED = 1000
"How many calls the log keeps. Older ones are deleted."


class CallTables(Database):
    """The running calls and the log."""

    def save_call(self, call: RunningCall) -> None:
        """Store a running call, or its changes."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO running_calls (reference, value) VALUES (?, ?)",
                (call.reference, encode(call)),
            )

    def forget_call(self, reference: bytes) -> None:
        """Delete a running call that came to nothing and isn't logged."""
        with self.transaction() as database:
            database.execute("DELETE FROM running_calls WHERE reference = ?", (reference,))

    def running_calls(self) -> list[RunningCall]:
        """The calls that were connected or about to be, oldest first. An unreadable one is logged and deleted."""
        calls = []
        for reference, value in self.rows("SELECT reference, value FROM running_calls"):
            try:
                calls.append(self.decode(value, RunningCall))
            except StoreError as error:
                logger.warning("a call that was up can't be read any more: %s", error.sentence)
                with self.transaction() as database:
                    database.execute("DELETE FROM running_calls WHERE reference IS ?", (reference,))
        return sorted(calls, key=lambda call: (call.started, call.reference))

    def unproven_calls_with(self, node: NodeId) -> int:
        """How many calls with a node proved nothing, as far as the log goes back.

        Running calls count too. A full log counts as two calls, because there may have been more.
        """
        log = self.call_log(CALLS_LOGGED)
        if len(log) >= CALLS_LOGGED:
            return 2
        was = {each.reference for each in log if each.peer == node and each.connected is not None and not each.proven}
        begun = {each.reference for each in self.running_calls() if each.peer == node and not each.proven}
        return len(was | begun)

    def end_call(self, record: CallRecord) -> None:
        """Add a call that has ended to the log.

        If it was running, delete it and erase its secret in the same transaction.

        So a call is either running or in the log, whenever the program is killed.
        """
        with self.transaction() as database:
            database.execute("INSERT INTO call_log (value) VALUES (?)", (encode(record),))
            database.execute("DELETE FROM call_log WHERE id <= (SELECT max(id) FROM call_log) - ?", (CALLS_LOGGED,))
            erased = database.execute("DELETE FROM running_calls WHERE reference = ?", (record.reference,)).rowcount
            if erased:
                self.erase_log()

    def call_log(self, limit: int) -> list[CallRecord]:
        """The last logged calls, newest first, at most `limit`. Unreadable ones are left out."""
        rows = self.rows("SELECT value FROM call_log ORDER BY id DESC LIMIT ?", max(0, limit))
        return self.decode_all("a call of the log", [row[0] for row in rows], CallRecord)
