"""Parts that are kept running: after any end a part begins again after a pause, and the others don't notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.kept_running import Part, Pauses, kept_running

PATIENCE = 30.0


class Work:
    """Runs for ever, and counts its starts."""

    def __init__(self, what: str = "The work") -> None:
        self.what = what
        self.beginnings = 0
        self.began = asyncio.Event()
        self.end: BaseException | None = None
        self.wanted = asyncio.Event()
        self.failures: list[str] = []

    @property
    def part(self) -> Part:
        return Part(self.what, self.run, self.failures.append)

    async def run(self) -> None:
        self.beginnings += 1
        self.began.set()
        await self.wanted.wait()
        self.wanted.clear()
        if self.end is not None:
            raise self.end

    async def begins(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.began.wait()
        self.began.clear()


def fail(work: Work) -> None:
    work.end = ValueError("a fault")
    work.wanted.set()


def leak(work: Work) -> None:
    work.end = asyncio.CancelledError()  # as from an awaited task that somebody else has cancelled
    work.wanted.set()


def kill(work: Work) -> None:
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == work.what)
    task.cancel()


WAYS = (fail, leak, kill)


AT_ONCE = Pauses(first=0.0)


@pytest.mark.parametrize("end", WAYS)
async def test_what_has_ended_begins_again_and_nothing_else_notices(end: Callable[[Work], None]) -> None:
    work, other = Work(), Work("The other work")
    async with kept_running(work.part, other.part, pauses=AT_ONCE):
        await work.begins()
        for _ in range(3):
            end(work)
            await work.begins()
        assert (work.beginnings, other.beginnings) == (4, 1)
        assert (work.failures, other.failures) == (["The work"], [])


@pytest.mark.parametrize("end", WAYS)
async def test_before_it_begins_again_there_is_a_pause(end: Callable[[Work], None]) -> None:
    work = Work()
    async with kept_running(work.part):
        await work.begins()
        end(work)
        for _ in range(1000):  # turns of the loop; without a pause the work would begin hundreds of times
            await asyncio.sleep(0)
        assert work.beginnings == 1
        assert work.failures == ["The work"]
        await work.begins()


async def test_after_a_calm_a_failure_is_told_again() -> None:
    work = Work()
    async with kept_running(work.part, pauses=Pauses(first=0.0, calm=-1.0)):
        for _ in range(3):
            await work.begins()
            fail(work)
        await work.begins()
        assert work.failures == ["The work"] * 3


async def test_what_returns_is_done() -> None:
    work = Work()
    async with kept_running(work.part):
        await work.begins()
        work.wanted.set()
        for _ in range(100):
            await asyncio.sleep(0)
        assert (work.beginnings, work.failures) == (1, [])


@pytest.mark.parametrize("end", WAYS)
async def test_leaving_the_block_ends_it_also_during_the_pause(end: Callable[[Work], None]) -> None:
    work, other = Work(), Work("The other work")
    async with asyncio.timeout(PATIENCE):
        async with kept_running(work.part, other.part):
            await work.begins()
            end(work)
            while not work.failures:  # noqa: ASYNC110 -- a turn or two
                await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert work.beginnings == 1


async def test_a_word_about_it_that_fails_ends_nothing() -> None:
    work = Work()

    def failed(_: str) -> None:
        raise OSError

    async with kept_running(Part(work.what, work.run, failed), pauses=AT_ONCE):
        await work.begins()
        fail(work)
        await work.begins()
