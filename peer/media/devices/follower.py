"""One device of a call, open: the one that is wanted, or what there is until that is back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from peer.media.devices.choice import FoundDevices, choose, may_be_taken
from peer.media.devices.device_words import DeviceKind, at_the_beginning, changed
from peer.media.ending import end
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"Between two tries to open a device while none works, and the shortest time for which one is used."

MAX_QUICK = 3
"How many times in a row a device may end within RETRY_SECONDS before it is left alone until something changes."


class OpenedDevice(Protocol):
    """An open device."""

    async def close(self) -> None:
        """Let go of it."""


_Opened = TypeVar("_Opened", bound=OpenedDevice)


class FollowedDevice(Generic[_Opened]):
    """Opens a device, changes over when another one is to be used, and says so.

    One task opens and closes; readers and writers ask for the open device, and say when it has ended.
    """

    def __init__(
        self,
        kind: DeviceKind,
        wanted: str,
        find: Callable[[], Awaitable[FoundDevices]],
        opener: Callable[[str], Awaitable[_Opened]],
        tell: Callable[[MediaTrouble], None],
        came: Callable[[], None] = lambda: None,
    ) -> None:
        """`wanted` is the configured name, empty for the system's default. `find` and `opener` raise MediaError.

        `came` is called when there are `newcomers`.
        """
        self.kind = kind
        self._wanted = wanted
        self._find = find
        self._opener = opener
        self._tell = tell
        self._came = came
        self._known: set[str] = set()
        "The names of all that there have been in this call."

        self._newcomers: list[str] = []
        self._opened: _Opened | None = None
        self._before: _Opened | None = None
        "What was open before, while it is closed."

        self._used: str | None = None
        "The name of what is open."

        self._names: tuple[str, ...] = ()
        "Of those that there were when they were last looked for."

        self._looked = False
        self._last = ""
        "The name of what was open last."

        self._since = 0.0
        self._quick = 0
        "How many times in a row it has ended soon after it was opened."

        self._failed: set[str] = set()
        self._is_open = asyncio.Event()
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def missing(self) -> bool:
        """Whether there is no such device, as far as we know."""
        return self._looked and self._used is None

    @property
    def wanted(self) -> str:
        """The configured name, empty for the system's default."""
        return self._wanted

    def newcomers(self) -> list[str]:
        """Those that have come for the first time in this call, since this was asked last, and aren't used."""
        come, self._newcomers = self._newcomers, []
        return [name for name in come if name in self._names and name != self._used]

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open what there is, and follow what becomes of it."""
        now, why = await self._use()
        self._used, self._last, self._looked = now, now or "", True
        self._known.update(self._names)
        self._said(at_the_beginning(self.kind, self._wanted, now, why))
        self._task = tasks.create_task(self._follow())

    async def get(self) -> _Opened:
        """The open device. Waits while there is none."""
        while self._opened is None or not self._is_open.is_set():
            await self._is_open.wait()
        return self._opened

    def lost(self, opened: _Opened) -> None:
        """What `get` gave has ended."""
        if opened is self._opened and self._is_open.is_set():
            self._is_open.clear()
            self._look.set()

    def look(self) -> None:
        """Devices may have come or gone."""
        self._failed.clear()
        self._look.set()

    async def close(self) -> None:
        """Let go of the device."""
        task, self._task = self._task, None
        await end(task)
        await self._let_go()

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            if self._opened is None:
                # What stands in the way may go without a word: another program, or a sound system that isn't there.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._look.wait()
                self._failed.clear()
            else:
                await self._look.wait()
            self._look.clear()
            if self._opened is not None and not self._is_open.is_set():
                await self._ended(clock() - self._since)
            before = self._used
            now, why = await self._use()
            self._used = now
            still = before in self._names and before not in self._failed
            if not (still and now != self._wanted):  # the system has another default, which its owner knows
                self._said(changed(self.kind, self._wanted, self._last, before, now, why))
            self._last = now if now is not None else self._last
            self._meet()

    def _meet(self) -> None:
        """Note which devices are here for the first time."""
        come = [name for name in self._names if name not in self._known and may_be_taken(name)]
        self._known.update(self._names)
        if come:
            self._newcomers += come
            self._came()

    async def _ended(self, after: float) -> None:
        """The open device has ended, `after` seconds after it was opened."""
        logger.warning("the %s has ended: %s", self.kind.word, self._used)
        self._quick = self._quick + 1 if after < RETRY_SECONDS else 0
        await self._let_go()
        if self._quick > MAX_QUICK and self._used is not None:
            self._failed.add(self._used)
            self._quick = 0
        elif self._quick:
            await asyncio.sleep(RETRY_SECONDS)

    async def _use(self) -> tuple[str | None, MediaError | None]:
        """Open what is to be used, unless it is open. Gives its name, and why one before it couldn't be opened."""
        why: MediaError | None = None
        while True:
            try:
                found = await self._find()
            except MediaError as error:
                self._names = ()
                await self._let_go()
                return None, error
            self._names = found.names
            name = choose(self._wanted, found, last=self._last, failed=self._failed)
            if name is not None and name == self._used and self._opened is not None:
                return name, why
            if name is None:
                await self._let_go()
                return None, why
            try:
                opened = await self._opener(name)
            except MediaError as error:
                logger.debug("the %s %s: %s", self.kind.word, name, error.sentence)
                why = why or error
                self._failed.add(name)
                continue
            # What is open stays so until then: the other might not have worked.
            self._before, self._opened = self._opened, opened
            self._since = asyncio.get_running_loop().time()
            self._is_open.set()
            await self._close_before()
            return name, why

    async def _let_go(self) -> None:
        self._is_open.clear()
        await self._close_before()
        if self._opened is not None:
            await self._opened.close()
            # Only now: who is cancelled before leaves it to `close`.
            self._opened = None

    async def _close_before(self) -> None:
        if self._before is not None:
            await self._before.close()
            self._before = None

    def _said(self, trouble: MediaTrouble | None) -> None:
        if trouble is not None:
            logger.warning("%s", trouble.sentence)
            self._tell(trouble)


async def keep_looking(changes: Callable[[], AsyncGenerator[None, None]], look: Callable[[], None]) -> None:
    """Call `look` whenever devices have changed, until cancelled. `changes` may end or raise MediaError; then again."""
    while True:
        with contextlib.suppress(MediaError):
            async with contextlib.aclosing(changes()) as happened:
                async for _ in happened:
                    look()
        await asyncio.sleep(RETRY_SECONDS)
