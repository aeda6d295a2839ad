"""What was left unfinished is carried out once more, and isn't lost if the program is killed again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.unfinished import Unfinished
from shared.store import Store, StoreThread
from shared.store.journal import ASIDE_IN, UNFINISHED, Journal
from tests.bot.messengers.wire import NAME, Ear

LEFT = {f"{UNFINISHED}{number}": f"/name {number}.azero".encode() for number in (1, 2)}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Journal, JournalWriter, Inbox, list[str]]]:
    """A journal, and what reads and writes it. The list gets why entries were set aside."""
    lost: list[str] = []
    with Store(folder / "db") as store:
        async with StoreThread(store) as thread:
            journal = Journal(store, NAME)
            writer = JournalWriter(NAME, thread.write, lambda error: None)
            inbox = Inbox(journal, writer, shown=lambda call: None, written=lambda outcome: None, lost=lost.append)
            writing = asyncio.create_task(writer.run())
            yield journal, writer, inbox, lost
            await writer.flush(10)
            writing.cancel()


async def test_a_command_that_was_left_stays_until_what_it_causes_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as (journal, writer, inbox, lost):
        journal.set_facts({**LEFT, "owner": b"7"})
        seen = []

        async def act(value: bytes, again: bool) -> None:
            seen.append((value, again, journal.facts(UNFINISHED)))
            if value == LEFT[f"{UNFINISHED}2"]:
                raise LookupError

        await inbox.act_once_more(Unfinished(journal, writer).left(), act)
        first, second = LEFT
        assert seen == [(LEFT[first], True, LEFT), (LEFT[second], True, {second: LEFT[second]})]
        assert journal.facts(UNFINISHED) == {}
        assert (list(journal.facts(ASIDE_IN).values()), lost) == ([LEFT[second]], ["LookupError"])
        assert journal.fact("owner") == b"7"


async def test_a_command_whose_task_ends_with_the_program_is_left_and_one_that_its_owner_ends_is_not(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (journal, writer, _, _):
        ear, unfinished = Ear(), Unfinished(journal, writer)
        for is_ending in (False, True):
            facts: dict[str, bytes | None] = {}
            task = asyncio.create_task(asyncio.Event().wait())
            unfinished.note(b"/name anna.azero", task, facts, ear)
            journal.set_facts(facts)
            assert unfinished.left() == {}, "it isn't carried out a second time beside itself"
            ear.is_ending = is_ending
            task.cancel()
            await asyncio.wait([task])
            await writer.flush(10)
            assert [*journal.facts(UNFINISHED).values()] == ([b"/name anna.azero"] if is_ending else [])
        assert unfinished.left() == facts
