"""Commands that go on after they were heard: looking up a name may take longer than the program lives."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import Journal

UNFINISHED = "unfinished:"
"What the names of facts begin with that are commands whose name is being looked up."


class Unfinished:
    """The commands of one messenger that aren't carried out yet."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer

    def note(self, entry: bytes, task: asyncio.Task[Any], facts: dict[str, bytes]) -> None:
        """Keep a command, with the mark that it was heard, until the task is done."""
        name = f"{UNFINISHED}{time.time_ns()}"
        facts[name] = entry
        task.add_done_callback(lambda _: self._writer.put(functools.partial(Journal.set_facts, facts={name: None})))


async def taken_up(journal: Journal, writer: JournalWriter) -> list[bytes]:
    """The commands whose name was being looked up when the program ended; they are kept no longer."""
    found = []
    for name, raw in journal.facts(UNFINISHED).items():
        await writer.write(functools.partial(Journal.set_facts, facts={name: None}))
        found.append(raw)
    return found
