"""Commands that take long: looking up a name may take longer than the program runs."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

from bot.conversation import Listener
from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import UNFINISHED, Journal


class Unfinished:
    """The unfinished commands of one messenger."""

    def __init__(self, journal: Journal, writer: JournalWriter) -> None:
        self._journal = journal
        self._writer = writer
        self._running: set[str] = set()
        "The names of the facts whose commands are still being carried out."

    def note(self, entry: bytes, task: asyncio.Task[Any], facts: dict[str, bytes | None], listener: Listener) -> None:
        """Store a command until the task is done. It is stored together with the mark that its message is done.

        If the task ends because the program does, the command is left for the next run.
        """
        name = f"{UNFINISHED}{time.time_ns()}"
        facts[name] = entry
        self._running.add(name)

        def ended(task: asyncio.Task[Any]) -> None:
            self._running.discard(name)
            if not (task.cancelled() and listener.is_ending):
                self._writer.put(functools.partial(Journal.set_facts, facts={name: None}))

        task.add_done_callback(ended)

    def left(self) -> dict[str, bytes]:
        """The commands that the last run has left, in their order, by the names of their facts."""
        found = self._journal.facts(UNFINISHED)
        return {name: found[name] for name in sorted(found) if name not in self._running}
