"""Serves the page to the devices of one way, for as long as there are any or one is being added."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from bot.devices.book import DeviceBook
from bot.devices.door import Door, Served
from peer.handset.devices.authority import Authority, fingerprint_of, server_context, show_leaf
from peer.handset.devices.places import ServingPlace
from peer.handset.devices.quiet_listener import QuietListener
from peer.handset.page import Pages
from peer.overlay import Address
from shared.errors import CopybaraError, Fault, HandsetError
from shared.paired_device import DeviceWay
from shared.store import StoreThread

if TYPE_CHECKING:
    from peer.handset.page_server import PageListener

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"Between two looks at the network and at the clock, while devices are served."

RENEWAL = datetime.timedelta(days=1)
"How often the certificate is looked at."

AGAIN_SECONDS = 5.0
"Before it is tried again."

AGAIN_SECONDS_AT_MOST = 60.0
"The same where the port can't be hidden: twice as long each time, because trying can hold up calls for FILL_SECONDS."


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
        door, again = self._door, AGAIN_SECONDS
        while True:
            door.changed.clear()
            if not door.wanted:
                await door.changed.wait()
                continue
            try:
                place = await door.places.find()
                async with self._serving(place) as (listening, renew):
                    again, due = AGAIN_SECONDS, _now() + RENEWAL
                    while door.wanted and door.places.stands(place):
                        listening.allow(door.allowed, place.device)
                        if _now() > due:
                            await renew()
                            due = _now() + RENEWAL
                        await self._for_a_moment(LOOK_SECONDS)
            except CopybaraError as error:
                door.not_served(error)
                await self._for_a_moment(again)
                cannot_hide = type(error) is HandsetError
                again = min(2 * again, AGAIN_SECONDS_AT_MOST) if cannot_hide else AGAIN_SECONDS
            except Exception as error:
                # Somebody may be waiting for it. This part of the program begins again.
                door.not_served(Fault(f"Your devices can't be served ({type(error).__name__})."))
                raise

    async def _for_a_moment(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._door.changed.wait()
        self._door.changed.clear()

    @contextlib.asynccontextmanager
    async def _serving(self, place: ServingPlace) -> AsyncIterator[tuple[QuietListener, Callable[[], Awaitable[None]]]]:
        """Serve for the length of the block; the second value has the server use a new leaf when the one before is old.

        Raises CopybaraError.
        """
        # With it comes aiohttp, which a node without a page needn't wait for.
        from peer.handset.devices.server import DeviceServer

        address, door = place.address, self._door
        authority = await self._authority(address)
        leaf = await self._leaf(authority, address)
        tls = server_context(authority, leaf)

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

            def tell(leaf: bytes) -> None:
                shown = authority.fingerprint, fingerprint_of(leaf)
                door.served_at(Served(server.session.origin, *shown, server.end))

            async def renew() -> None:
                leaf = await self._leaf(authority, address)
                show_leaf(tls, authority, leaf)
                tell(leaf)

            async with server.running():
                tell(leaf)
                try:
                    yield listening, renew
                finally:
                    door.served_at(None)
        finally:
            listening.close()

    async def _authority(self, address: Address) -> Authority:
        """The authority for this address; a new one if the home has another one now, or it is damaged: devices that
        trust the one before have to be added again. Raises StoreError.
        """
        kept, now, way = self._writes.store.device_authority(self._door.way), _now(), self._door.way
        if kept is not None:
            try:
                authority = Authority.of_pem(kept)
                if authority.is_for(address, now):
                    return authority
            except ValueError as error:
                logger.warning("the certificate authority for devices is damaged, they are removed: %s", error)
        made = Authority.made(address, now)
        await self._writes.write(lambda store: store.keep_device_authority(made.pem(), way))
        self._book.reload()
        return made

    async def _leaf(self, authority: Authority, address: Address) -> bytes:
        """The certificate that the server shows, and its key: the one before as long as it can. Raises StoreError."""
        way, now = self._door.way, _now()
        kept = self._writes.store.device_leaf(way)
        if kept is not None and authority.vouches_for(kept, address, now):
            return kept
        made = authority.leaf(address, now)
        await self._writes.write(lambda store: store.keep_device_leaf(made, way))
        return made


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
