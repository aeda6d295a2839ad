"""Writes the ends of calls into the log, once each. A disk that hangs keeps no call open, and loses no end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from peer.calls.line import Line
from peer.calls.line_records import record
from peer.calls.news import CallListeners, NotKept
from shared.call.records import CallRecord
from shared.errors import StoreError
from shared.store import StoreThread
from shared.store.thread import PATIENCE_SECONDS

logger = logging.getLogger(__name__)

BEFORE_GOODBYE = 1.0
"""How long a call's goodbye waits for its end to be on the disk, in seconds.

A program that is killed while it closes everything must not take the call up again: the other side has let go of it.
"""

BEFORE_OVER = PATIENCE_SECONDS + 1.0
"How long a call that is closed waits for that before people see it as over: they should read first if it fails."


class CallLog:
    """The log of one node's calls, to be written."""

    def __init__(
        self, writes: StoreThread, listeners: CallListeners, tasks: asyncio.TaskGroup, clock: Callable[[], float]
    ) -> None:
        """`listeners` hear if an end can't be written. `tasks` owns what waits for the disk.

        `clock` is the time in Unix seconds.
        """
        self._writes = writes
        self._listeners = listeners
        self._tasks = tasks
        self._clock = clock
        self._writing: dict[Line, asyncio.Task[None]] = {}
        "What waits for the disk."

        self._unwritten: deque[CallRecord] = deque()
        "Ends that couldn't be written, oldest first."

    async def end(self, line: Line, seconds: float) -> None:
        """Write a call's end down, unless that has begun, and wait for it, at most for that time in `seconds`.

        If writing fails it is tried again (`again`) until it works or the program ends.
        """
        if not line.logged:
            entry = record(line, int(self._clock()))
            line.log()
            # In its place behind the writes that were begun before: from here on the end is lost only with the program.
            written = self._writes.write(lambda store: store.end_call(entry))
            waiting = self._tasks.create_task(self._wait(line, entry, written), name=f"the log of line {line.number}")
            self._writing[line] = waiting
            waiting.add_done_callback(lambda _: self._writing.pop(line, None))
        if (begun := self._writing.get(line)) is not None:
            await asyncio.wait([begun], timeout=seconds)

    def later(self, line: Line) -> None:
        """Write a call's end down with the next `again`, unless it is written already: nobody can wait for it now."""
        if not line.logged:
            self._unwritten.append(record(line, int(self._clock())))
            line.log()

    async def again(self) -> None:
        """Write down the ends of calls for which that has failed. Raises StoreError if it fails again."""
        while self._unwritten:
            # Out of the queue first: if this is cancelled, the write is done all the same.
            entry = self._unwritten.popleft()
            try:
                await self._writes.write(lambda store: store.end_call(entry))  # noqa: B023 -- done before the next one
            except StoreError:
                self._unwritten.appendleft(entry)
                raise

    def leave(self) -> None:
        """The program ends: wait for no write any more. Those that were begun are done before the store is closed."""
        for waiting in self._writing.values():
            waiting.cancel()

    async def _wait(self, line: Line, entry: CallRecord, written: Awaitable[None]) -> None:
        try:
            await written
        except StoreError as error:
            logger.error("line %d: its end can't be kept: %s", line.number, error.sentence)
            self._unwritten.append(entry)
            self._listeners.told(line, NotKept(error))
