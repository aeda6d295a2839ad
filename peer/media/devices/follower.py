"""Keeps one device of a call open: the wanted one, or another one until that is back."""

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
"The pause between two tries while no device opens. A device that ends sooner than this counts as quickly gone."

MAX_QUICK = 3
"How many times in a row a device may end within RETRY_SECONDS. After that it isn't used until devices change."


class OpenedDevice(Protocol):
    """An open device."""

    async def close(self) -> None:
        """Close the device."""


_Opened = TypeVar("_Opened", bound=OpenedDevice)


class FollowedDevice(Generic[_Opened]):
    """Opens a device, switches when another one should be used, and reports the change.

    One task opens and closes devices. Readers and writers get the open device, and report when it has ended.
    """

    def __init__(
        self,
        kind: DeviceKind,
        wanted: str,
        find: Callable[[], Awaitable[FoundDevices]],
        opener: Callable[[str], Awaitable[_Opened]],
        tell: Callable[[MediaTrouble], None],
        appeared: Callable[[], None] = lambda: None,
    ) -> None:
        """`wanted` is the configured name, empty for the system's default. `find` and `opener` raise MediaError.

        `appeared` is called when `newcomers` has something to return.
        """
        self.kind = kind
        self._wanted = wanted
        self._find = find
        self._opener = opener
        self._tell = tell
        self._appeared = appeared
        self._known: set[str] = set()
        "The names of all devices seen in this call."

        self._newcomers: list[str] = []
        self._opened: _Opened | None = None
        self._before: _Opened | None = None
        "The previous device while it is being closed."

        self._used: str | None = None
        "The name of the open device."

        self._names: tuple[str, ...] = ()
        "The names of the devices at the last look."

        self._looked = False
        self._last = ""
        "The name of the device that was open last."

        self._since = 0.0
        self._quick = 0
        "How many times in a row the device ended soon after it was opened."

        self._failed: set[str] = set()
        self._is_open = asyncio.Event()
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def missing(self) -> bool:
        """Whether no device of this kind was found at the last look."""
        return self._looked and self._used is None

    @property
    def wanted(self) -> str:
        """The configured name, empty for the system's default."""
        return self._wanted

    def newcomers(self) -> list[str]:
        """The unused devices that appeared for the first time in this call since the last time this was called."""
        come, self._newcomers = self._newcomers, []
        return [name for name in come if name in self._names and name != self._used]

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open a device, and start the task that keeps one open."""
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
        """Report that the device from `get` has ended."""
        if opened is self._opened and self._is_open.is_set():
            self._is_open.clear()
            self._look.set()

    def look(self) -> None:
        """Look again soon: devices may have come or gone."""
        self._failed.clear()
        self._look.set()

    async def close(self) -> None:
        """Close the device."""
        task, self._task = self._task, None
        await end(task)
        await self._let_go()

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            if self._opened is None:
                # The obstacle may vanish without an event: another program that uses the device, or a missing sound
                # system.
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
            if not (still and now != self._wanted):  # the owner changed the system's default, and knows it
                self._said(changed(self.kind, self._wanted, self._last, before, now, why))
            self._last = now if now is not None else self._last
            self._meet()

    def _meet(self) -> None:
        """Note which devices are here for the first time."""
        come = [name for name in self._names if name not in self._known and may_be_taken(name)]
        self._known.update(self._names)
        if come:
            self._newcomers += come
            self._appeared()

    async def _ended(self, after: float) -> None:
        """Handle the end of the open device, `after` seconds after it was opened."""
        logger.warning("the %s has ended: %s", self.kind.word, self._used)
        self._quick = self._quick + 1 if after < RETRY_SECONDS else 0
        await self._let_go()
        if self._quick > MAX_QUICK and self._used is not None:
            self._failed.add(self._used)
            self._quick = 0
        elif self._quick:
            await asyncio.sleep(RETRY_SECONDS)

    async def _use(self) -> tuple[str | None, MediaError | None]:
        """Open the chosen device, unless it is open.

        Returns its name, and the error of the first device that failed.
        """
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
            # Keep the old device until the new one is open.
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
            # Only now: if this task is cancelled before, `close` still finds the device.
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
    """Call `look` whenever devices have changed, until cancelled.

    If `changes` ends or raises MediaError, call it again.
    """
    while True:
        with contextlib.suppress(MediaError):
            async with contextlib.aclosing(changes()) as happened:
                async for _ in happened:
                    look()
        await asyncio.sleep(RETRY_SECONDS)
