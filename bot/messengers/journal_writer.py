"""Writes to a messenger's journal: in order, outside the event loop, and again and again if the disk refuses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from shared.errors import StoreError
from shared.store import Store
from shared.store.journal import Journal

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0
"The first and the longest pause after a failed write. Each pause is twice the one before."

logger = logging.getLogger(__name__)

Change = Callable[[Journal], object]
"The writes of one transaction."


class StoreWrite(Protocol):
    """Writes to the store: the type of StoreThread.write."""

    def __call__(self, work: Callable[[Store], Any]) -> Awaitable[Any]:
        """Raises StoreError."""


class JournalWriter:
    """Writes changes one after the other, in their order.

    If the disk refuses a change, it is tried again while the later changes wait. So nothing is lost while the program
    lives, and no change overtakes another.
    """

    def __init__(self, name: str, write: StoreWrite, troubled: Callable[[StoreError | None], None]) -> None:
        """`name` is the messenger's name in the journal.

        `troubled` is called with the error when writing begins to fail, and with None when it works again.
        """
        self._name = name
        self._write = write
        self._troubled = troubled
        self._waiting: deque[tuple[Change, asyncio.Future[None] | None, Callable[[], None] | None]] = deque()
        self._under_way: asyncio.Future[Any] | None = None
        "The write of the first waiting change. It goes on when `run` is cancelled, and must not happen twice."

        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, change: Change, then: Callable[[], None] | None = None) -> None:
        """Write a change soon. `then` is called when it is on the disk."""
        self._waiting.append((change, None, then))
        self._idle.clear()
        self._work.set()

    async def write(self, change: Change) -> None:
        """Write a change, and return when it is on the disk. Raises what the change raises, but no StoreError."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done, None))
        self._idle.clear()
        self._work.set()
        await done

    async def flush(self, seconds: float) -> None:
        """Wait until everything is written, but at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled. If it is run again, it continues."""
        failures = 0
        while True:
            while self._waiting:
                change, done, then = self._waiting[0]
                error: Exception | None = None
                try:
                    if self._under_way is None:
                        self._under_way = asyncio.ensure_future(
                            self._write(functools.partial(self._in_journal, change))
                        )
                    await asyncio.shield(self._under_way)
                except StoreError as refused:
                    self._under_way = None
                    if not failures:
                        logger.warning("The %s journal can't be written: %s", self._name, refused.sentence)
                        self._troubled(refused)
                    await asyncio.sleep(min(FIRST_RETRY_SECONDS * 2**failures, LAST_RETRY_SECONDS))
                    failures += 1
                    continue
                except Exception as bad:
                    error = bad
                self._waiting.popleft()
                self._under_way = None
                if failures:
                    failures = 0
                    self._troubled(None)
                if done is not None and not done.done():
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
                elif error is not None:
                    logger.error("A change of the %s journal failed: %s", self._name, type(error).__name__)
                if then is not None and error is None:
                    then()
            self._idle.set()
            self._work.clear()
            await self._work.wait()

    def _in_journal(self, change: Change, store: Store) -> None:
        change(Journal(store, self._name))
