"""Serves the page to the devices of one way, for as long as there are any or one is being added."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from bot.devices.book import DeviceBook
from bot.devices.door import Door, Served
from peer.handset.devices.authority import RENEWED_DAYS, Authority, new_leaf, server_context
from peer.handset.devices.places import ServingPlace
from peer.handset.devices.quiet_listener import QuietListener
from peer.handset.page import Pages
from peer.overlay import Address
from shared.errors import CopybaraError, StoreError
from shared.paired_device import DeviceWay
from shared.store import StoreThread

if TYPE_CHECKING:
    from peer.handset.page_server import PageListener

LOOK_SECONDS = 1.0
"Between two looks at the network and at the clock, while devices are served."

AGAIN_SECONDS = 5.0
"Before it is tried again."


class DeviceServing:
    """Follows the devices of one way, and the network that they come by."""

    def __init__(
        self, book: DeviceBook, door: Door, pages: Pages, listener: PageListener, writes: StoreThread, port: int
    ) -> None:
        """`port` is the TCP port; 0 takes any that is free."""
        self._book = book
        self._door = door
        self._pages = pages
        self._listener = listener
        self._writes = writes
        self._port = port

    @property
    def what(self) -> str:
        """Its name as a part of the program."""
        return (
            "Serving other devices" if self._door.way is DeviceWay.OVERLAY else "Serving devices in the home's network"
        )

    async def run(self) -> None:
        """Serve whenever there is somebody to serve, until cancelled."""
        door = self._door
        while True:
            door.changed.clear()
            if not door.wanted:
                await door.changed.wait()
                continue
            try:
                place = await door.places.find()
                async with self._serving(place) as (listening, renew):
                    due = _now() + datetime.timedelta(days=RENEWED_DAYS)
                    while door.wanted and door.places.stands(place):
                        listening.allow(door.allowed, place.device)
                        if _now() > due:
                            renew()
                            due = _now() + datetime.timedelta(days=RENEWED_DAYS)
                        await self._for_a_moment(LOOK_SECONDS)
            except CopybaraError as error:
                door.not_served(error)
                await self._for_a_moment(AGAIN_SECONDS)

    async def _for_a_moment(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._door.changed.wait()
        self._door.changed.clear()

    @contextlib.asynccontextmanager
    async def _serving(self, place: ServingPlace) -> AsyncIterator[tuple[QuietListener, Callable[[], None]]]:
        """Serve for the length of the block; the second value has the server use a new leaf. Raises CopybaraError."""
        # With it comes aiohttp, which a node without a page needn't wait for.
        from peer.handset.devices.server import DeviceServer

        address, door = place.address, self._door
        authority = await self._authority(address)
        tls = server_context(authority, address, _now())
        listening = QuietListener.open(address, self._port, door.allowed, place.device)
        try:
            server = DeviceServer(
                self._pages,
                self._listener,
                listening.served,
                tls,
                door,
                own=address,
                interface=place.interface,
                authority=authority,
            )
            async with server.running():
                door.served_at(Served(server.session.origin, authority.fingerprint, server.end))
                try:
                    yield listening, lambda: new_leaf(tls, authority, address, _now())
                finally:
                    door.served_at(None)
        finally:
            listening.close()

    async def _authority(self, address: Address) -> Authority:
        """The authority for this address; a new one if the home has another one now. Raises StoreError."""
        kept, now, way = self._writes.store.device_authority(self._door.way), _now(), self._door.way
        if kept is not None:
            try:
                authority = Authority.of_pem(kept)
            except ValueError:
                raise StoreError("The certificate authority for devices is damaged.") from None
            if authority.is_for(address, now):
                return authority
        made = Authority.made(address, now)
        await self._writes.write(lambda store: store.keep_device_authority(made.pem(), way))
        self._book.reload()
        return made


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
