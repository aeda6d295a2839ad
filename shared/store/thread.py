"""Where a running program writes: a thread with a connection of its own, so that the event loop never waits for a disk.

A write may take seconds: another process holds the database, the disk is slow. Reading is never held up by that (WAL),
so reads stay ordinary calls on the event loop's own store:

    with Store(home.database) as store:
        async with StoreThread(store) as thread:
            await thread.write(lambda store: store.save_contact(anna))      # on the disk when this returns
            store.contact_named("anna")                                     # sees what was awaited

    used = await thread.write(lambda store: store.use_link(raw, ours=False, expires=at))
    await thread.write(lambda store: Journal(store, "telegram").sent(number))

- The function is given the thread's store, runs in the thread, and should use nothing else that can change meanwhile.
- Each write is one transaction, whatever its function calls: all of it is on the disk, or nothing. What has to be read
  before it can be decided what to write is read inside the function.
- Writes are done one after another, in the order in which `write` was called.
- `write` raises what the function raises, and StoreError when the file can't be written. The next one is tried again.
- A write that can't begin because another process has the database raises StoreError once its patience is over, and is
  never done: somebody waits for a sentence.
- A caller that is cancelled stops waiting; its write is done all the same, in its place.
- Leaving the `async with` does all writes that were begun; `write` raises StoreError from then on.

Programs that end at once, like the command line, need no thread: every method of the store can be called directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from shared.errors import StoreError
from shared.store.database import in_use, slow_disk
from shared.store.steady_clock import SteadyClock
from shared.store.store import Store
from shared.store.upkeep import UPKEEP_SECONDS, tidy

BUSY_SECONDS = 30.0
"How long a write waits for another process's transaction. Sound and picture don't wait with it."

SLOW_SECONDS = 30.0
"How long a write may wait behind others that a slow disk delays."

PATIENCE_SECONDS = 3.0
"How long a write waits for another process if a person waits for the result of a command."

LOOK_SECONDS = 0.25
"How often a waiting write checks whether its time is over, and how long later writes wait behind another process."

ERASE_AGAIN_SECONDS = 0.25
"How soon to try again to empty a log with erased secrets, if a reader prevented it."

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class _Close(enum.Enum):
    """Ends the thread after all waiting writes."""

    CLOSE = enum.auto()


_CLOSE = _Close.CLOSE


class StoreThread:
    """Writes to a store's database in a separate thread, first in, first out."""

    def __init__(
        self,
        store: Store,
        *,
        busy_seconds: float = BUSY_SECONDS,
        slow_seconds: float = SLOW_SECONDS,
        upkeep_seconds: float = UPKEEP_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`store` is the event loop's own store, and stays open as long as the thread.

        The thread starts with `async with`.

        `upkeep_seconds` is how often old data is deleted, see upkeep.py.
        """
        self._upkeep_seconds = upkeep_seconds
        self._clock = SteadyClock(clock)
        self.store = store
        "The store for reading."
        self._busy_seconds = busy_seconds
        self._slow_seconds = slow_seconds
        self._waiting: queue.SimpleQueue[_Write[Any] | _Close] = queue.SimpleQueue()
        self._open = False
        self._locked_since: float | None = None
        "Since when the next write has waited for another process, by the monotonic clock. None: it doesn't wait."
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._started: asyncio.Future[None]
        self._ended: asyncio.Future[None]

    def write(
        self, work: Callable[[Store], _Result], *, patience: float = PATIENCE_SECONDS
    ) -> Coroutine[Any, Any, _Result]:
        """Do `work` in one transaction. To be awaited, perhaps in a task: gives its result once that is on the disk.

        Raises what `work` raises, and StoreError, also if another process has had the database for `patience` seconds.
        Then the write never happens.
        """
        write = _Write(work, asyncio.get_running_loop())
        if self._open:
            self._waiting.put(write)
        else:
            write.done.set_exception(_closed())
        return self._done(write, patience)

    async def _done(self, write: _Write[_Result], patience: float) -> _Result:
        """The result of a write, once it is on the disk. Raises as `write` does."""
        given_up = time.monotonic() + self._slow_seconds
        try:
            while not (await asyncio.wait([write.done], timeout=min(patience, LOOK_SECONDS)))[0]:
                now = time.monotonic()
                locked = self._locked_since is not None and now >= self._locked_since + patience
                if (locked or now >= given_up) and write.withdraw():
                    raise in_use(self.store.path) if locked else slow_disk(self.store.path)
        except asyncio.CancelledError:
            write.done.cancel()
            raise
        return write.done.result()

    async def __aenter__(self) -> Self:
        """Open the thread's connection. Raises StoreError."""
        loop = asyncio.get_running_loop()
        self._started, self._ended = loop.create_future(), loop.create_future()
        self._loop = loop
        self._thread.start()
        try:
            await self._started
        except BaseException:
            self._waiting.put(_CLOSE)
            raise
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do the waiting writes, then close. They are done even if this is cancelled."""
        self._open = False
        self._waiting.put(_CLOSE)
        cancelled = None
        while not self._ended.done():
            try:
                await asyncio.shield(self._ended)
            except asyncio.CancelledError as again:
                cancelled = again
        if cancelled is not None:
            raise cancelled

    # Below: in the thread.

    @contextlib.contextmanager
    def _waiting_for_others(self) -> Iterator[None]:
        self._locked_since = time.monotonic()
        try:
            yield
        finally:
            self._locked_since = None

    def _run(self) -> None:
        try:
            store = Store(self.store.path, busy_seconds=self._busy_seconds, erase_seconds=0)
            store.erases_later = True
        except BaseException as error:
            self._tell(self._started, None, error)
            return
        self._tell(self._started, None, None)
        try:
            with store:
                due = time.monotonic()
                while (write := self._next(store, due)) is not _CLOSE:
                    if write is not None:
                        write.do(store, self._waiting_for_others)
                    if store.log_to_erase and self._waiting.empty():
                        store.try_to_erase_log()
                    if time.monotonic() >= due:
                        due = time.monotonic() + self._upkeep_seconds
                        self._tidy(store)
        except Exception:  # closing
            log.exception("the database didn't close")
        finally:
            self._open = False
            while (write := self._next_at_once()) is not None:
                if write is not _CLOSE:
                    write.refuse(_closed())
            self._tell(self._ended, None, None)

    def _next(self, store: Store, due: float) -> _Write[Any] | _Close | None:
        """The next write. None if upkeep is due."""
        while (left := due - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                return self._waiting.get(timeout=min(left, ERASE_AGAIN_SECONDS) if store.log_to_erase else left)
            if store.log_to_erase:
                store.try_to_erase_log()
        return self._next_at_once()

    def _next_at_once(self) -> _Write[Any] | _Close | None:
        with contextlib.suppress(queue.Empty):
            return self._waiting.get_nowait()
        return None

    def _tidy(self, store: Store) -> None:
        try:
            with contextlib.ExitStack() as transaction:
                with self._waiting_for_others():
                    transaction.enter_context(store.transaction())
                tidy(store, int(self._clock.past()))
        except Exception as error:
            log.warning("the database wasn't tidied: %s", error)

    def _tell(self, future: asyncio.Future[None], result: None, error: BaseException | None) -> None:
        _settle(self._loop, future, result, error)


class _Write(Generic[_Result]):
    """One write, waiting or done."""

    def __init__(self, work: Callable[[Store], _Result], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self._deciding = threading.Lock()
        self._begun = False
        self._withdrawn = False
        self.done: asyncio.Future[_Result] = loop.create_future()

    def withdraw(self) -> bool:
        """Withdraw the write. False: it has begun already."""
        with self._deciding:
            self._withdrawn = not self._begun
            return self._withdrawn

    def refuse(self, error: StoreError) -> None:
        _settle(self._loop, self.done, None, error)

    def do(self, store: Store, waiting: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        """Do the write unless it was withdrawn. `waiting` is entered while another process may have the database."""
        if self._withdrawn:
            return
        try:
            with contextlib.ExitStack() as transaction:
                with waiting():
                    transaction.enter_context(store.transaction())
                if not self._begins():
                    return
                result = self._work(store)
        except BaseException as error:
            if self.done.cancelled():
                log.warning("a write that nobody waits for any more failed: %s", error)
            if not self._withdrawn:
                _settle(self._loop, self.done, None, error)
        else:
            _settle(self._loop, self.done, result, None)

    def _begins(self) -> bool:
        """Whether somebody still wants the write, once another process lets us begin."""
        with self._deciding:
            self._begun = not self._withdrawn
            return self._begun


def _closed() -> StoreError:
    return StoreError("The database is closed.", "Start the program again.")


def _settle(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], result: Any, error: BaseException | None
) -> None:
    """Set the result of a future, from any thread."""

    def settle() -> None:
        if future.done():
            return  # the waiting task was cancelled
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(settle)
