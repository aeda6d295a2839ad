"""Commands that take long: looking up a name may take longer than the program runs."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import UNFINISHED, Journal


class Unfinished:
    """The unfinished commands of one messenger."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer

    def note(self, entry: bytes, task: asyncio.Task[Any], facts: dict[str, bytes]) -> None:
        """Store a command until the task is done. It is stored together with the mark that its message is done."""
        name = f"{UNFINISHED}{time.time_ns()}"
        facts[name] = entry
        task.add_done_callback(lambda _: self._writer.put(functools.partial(Journal.set_facts, facts={name: None})))


async def taken_up(journal: Journal, writer: JournalWriter) -> list[bytes]:
    """The commands whose name was being looked up when the program ended. They are removed from the journal."""
    found = []
    for name, raw in journal.facts(UNFINISHED).items():
        await writer.write(functools.partial(Journal.set_facts, facts={name: None}))
        found.append(raw)
    return found
