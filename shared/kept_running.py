"""Tasks that run as long as what they serve: one that ends before that is reported, and begins again after a pause.

    async with kept_running(Part("Watching the overlay", watch), Part("Reading the chat", read)):
        ...                                     # whatever ends one of them, the other doesn't notice

How it ended makes no difference: an error, a cancellation from elsewhere, or one that leaked out of a library.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

logger = logging.getLogger(__name__)


def _nobody(_: str) -> None:
    """The log says it."""


class Part(msgspec.Struct, frozen=True):
    """Something that runs until it returns, or the block is left."""

    what: str
    "Its name in the log, of its task, and for `failed`."

    run: Callable[[], Awaitable[None]]
    failed: Callable[[str], None] = _nobody
    "Called with `what` at the first failure, and at the first after each calm."


class Pauses(msgspec.Struct, frozen=True):
    """How long to wait before a part that failed begins again, in seconds: doubled each time, up to the last."""

    first: float = 1.0
    last: float = 60.0

    calm: float = 60.0
    "A part that ran longer than this begins with the first pause again."


USUAL_PAUSES = Pauses()


@contextlib.asynccontextmanager
async def kept_running(*parts: Part, pauses: Pauses = USUAL_PAUSES) -> AsyncIterator[None]:
    """Run each in a task of its own for the length of the block, and end them with it."""
    async with asyncio.TaskGroup() as group:
        running = [_Running(part, group, pauses) for part in parts]
        for each in running:
            each.begin()
        try:
            yield
        finally:
            for each in running:
                each.end()


class _Running:
    """One of them."""

    def __init__(self, part: Part, group: asyncio.TaskGroup, pauses: Pauses) -> None:
        self._part = part
        self._group = group
        self._pauses = pauses
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Exception | None]
        self._pause: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._failures = 0
        self._ends = False

    def begin(self) -> None:
        self._pause = None
        self._began = self._loop.time()
        self._task = self._group.create_task(self._run(), name=self._part.what)
        # Not another task: that could be ended, too.
        self._task.add_done_callback(self._ended)

    def end(self) -> None:
        self._ends = True
        self._task.cancel()
        if self._pause is not None:
            self._pause.cancel()

    async def _run(self) -> Exception | None:
        try:
            await self._part.run()
        except Exception as error:
            return error
        return None

    def _ended(self, task: asyncio.Task[Exception | None]) -> None:
        if self._ends or not (task.cancelled() or task.exception() is None):
            return  # an error that isn't an Exception ends the group
        error = asyncio.CancelledError() if task.cancelled() else task.result()
        if error is None:
            return
        if self._loop.time() - self._began > self._pauses.calm:
            self._failures = 0
        debug = error if logger.isEnabledFor(logging.DEBUG) else None
        logger.error("%s ended (%s), and begins again", self._part.what, type(error).__name__, exc_info=debug)
        pause = min(self._pauses.first * 2**self._failures, self._pauses.last)
        self._pause = self._loop.call_later(pause, self.begin)
        self._failures += 1
        if self._failures == 1:
            try:
                self._part.failed(self._part.what)
            except Exception as trouble:
                logger.error("that %s ended can't be told: %s", self._part.what, type(trouble).__name__)
