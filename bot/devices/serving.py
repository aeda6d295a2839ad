"""Serves the page to devices, at the overlay address, for as long as there are any or one is being added."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from bot.devices.book import DeviceBook, Served
from peer.handset.devices.authority import RENEWED_DAYS, Authority, new_leaf, server_context
from peer.handset.devices.quiet_listener import QuietListener
from peer.handset.page import Pages
from peer.overlay import Address
from peer.overlay.watch import OverlayState, OverlayWatch
from shared.errors import CopybaraError, StoreError
from shared.store import StoreThread

if TYPE_CHECKING:
    from peer.handset.page_server import PageListener

LOOK_SECONDS = 1.0
"Between two looks at the overlay and at the clock, while devices are served."

AGAIN_SECONDS = 5.0
"Before it is tried again."


class DeviceServing:
    """Follows the devices and the overlay."""

    def __init__(
        self,
        devices: DeviceBook,
        pages: Pages,
        listener: PageListener,
        writes: StoreThread,
        watch: OverlayWatch,
        port: int,
    ) -> None:
        """`port` is the TCP port on the overlay address; 0 takes any that is free."""
        self._devices = devices
        self._pages = pages
        self._listener = listener
        self._writes = writes
        self._watch = watch
        self._port = port

    async def run(self) -> None:
        """Serve whenever there is somebody to serve, until cancelled."""
        while True:
            self._devices.changed.clear()
            if not self._devices.wanted:
                await self._devices.changed.wait()
                continue
            try:
                state = self._watch.state if self._watch.state.up else await self._watch.check()
                if state.error is not None or state.address is None:
                    raise state.error or CopybaraError()
                async with self._serving(state.address, state) as (listening, renew):
                    due = _now() + datetime.timedelta(days=RENEWED_DAYS)
                    while self._devices.wanted and self._stands(state):
                        listening.allow(self._devices.allowed, state.device)
                        if _now() > due:
                            renew()
                            due = _now() + datetime.timedelta(days=RENEWED_DAYS)
                        await self._for_a_moment(LOOK_SECONDS)
            except CopybaraError as error:
                self._devices.not_served(error)
                await self._for_a_moment(AGAIN_SECONDS)

    def _stands(self, state: OverlayState) -> bool:
        now = self._watch.state
        return not now.up or (now.address, now.device) == (state.address, state.device)

    async def _for_a_moment(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._devices.changed.wait()
        self._devices.changed.clear()

    @contextlib.asynccontextmanager
    async def _serving(
        self, address: Address, state: OverlayState
    ) -> AsyncIterator[tuple[QuietListener, Callable[[], None]]]:
        """Serve for the length of the block; the second value has the server use a new leaf. Raises CopybaraError."""
        # With it comes aiohttp, which a node without a page needn't wait for.
        from peer.handset.devices.server import DeviceServer

        authority = await self._authority(address)
        tls = server_context(authority, address, _now())
        listening = QuietListener.open(address, self._port, self._devices.allowed, state.device)
        try:
            server = DeviceServer(
                self._pages,
                self._listener,
                listening.served,
                tls,
                self._devices,
                own=address,
                interface=state.interface,
                authority=authority,
            )
            async with server.running():
                self._devices.served_at(Served(server.session.origin, authority.fingerprint, server.end))
                try:
                    yield listening, lambda: new_leaf(tls, authority, address, _now())
                finally:
                    self._devices.served_at(None)
        finally:
            listening.close()

    async def _authority(self, address: Address) -> Authority:
        """The authority for this address; a new one if the home has another address now. Raises StoreError."""
        kept, now = self._writes.store.device_authority(), _now()
        if kept is not None:
            try:
                authority = Authority.of_pem(kept)
            except ValueError:
                raise StoreError("The certificate authority for devices is damaged.") from None
            if authority.is_for(address, now):
                return authority
        made = Authority.made(address, now)
        await self._writes.write(lambda store: store.keep_device_authority(made.pem()))
        self._devices.reload()
        return made


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
