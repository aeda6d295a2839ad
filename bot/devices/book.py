"""Which devices there are, and the one that is being added: what the owner commands, and what the server asks."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from bot.texts import devices as texts
from peer.handset.devices.pairing import DevicePairing, Visitor
from peer.handset.page import Pages
from peer.handset.proof import KEY_BYTES
from peer.overlay import Address
from shared.contacts import check_name, name_key
from shared.errors import CopybaraError, InputError, NoDevice, NoPairing
from shared.paired_device import PairedDevice
from shared.store import StoreThread


@dataclass(frozen=True, slots=True)
class Served:
    """Where devices are served now."""

    origin: str
    "Such as `https://[200::1]:8766`."

    fingerprint: str
    "Of the certificate authority, as phones show it."

    end: Callable[[Address], None]
    "Ends everything that a device has open."


@dataclass(frozen=True, slots=True)
class OpenPairing:
    """What the owner needs to add a device."""

    name: str
    address: str
    "To be opened on the device. The one-time secret is in it, behind `#`."

    fingerprint: str
    seconds: int
    "Until it is over."

    open_to_all: bool
    "Whether strangers can see that there is a server meanwhile."

    visitor: str | None
    code: str | None
    "The overlay address of the device that waits, and what it shows."


class DeviceBook:
    """The devices of this home."""

    def __init__(self, writes: StoreThread, pages: Pages, tell_visit: Callable[[OpenPairing], None]) -> None:
        """`tell_visit` tells the owner that a device shows a code."""
        self._writes = writes
        self._pages = pages
        self._tell_visit = tell_visit
        self._known: dict[Address, PairedDevice] | None = None
        self._pairing: DevicePairing | None = None
        self._served: Served | None = None
        self._settled: asyncio.Future[Served] | None = None
        "Who adds a device waits for it: whether devices can be served."

        self.changed = asyncio.Event()
        "Set when somebody else is to be let in, or nobody any more."

    # What the server asks.

    @property
    def pairing(self) -> DevicePairing | None:
        """What is open now."""
        pairing = self._pairing
        return pairing if pairing is not None and pairing.seconds_left > 0 and not pairing.exhausted else None

    def device_at(self, address: Address) -> PairedDevice | None:
        """The device of that overlay address."""
        return self._by_address().get(address)

    def visits(self, pairing: DevicePairing, visitor: Visitor) -> None:
        """A device shows a code and waits for the owner."""
        self.changed.set()
        if (shown := self.shown()) is not None:
            self._tell_visit(shown)

    def left(self, pairing: DevicePairing) -> None:
        """It has gone again, or was decided about."""
        self.changed.set()

    async def connected(self, device: PairedDevice) -> None:
        """A device has opened its page. Raises StoreError."""
        now = int(time.time())
        await self._writes.write(lambda store: store.device_seen(device.name, now))

    # What serving.py asks.

    @property
    def wanted(self) -> bool:
        """Whether devices are to be served."""
        return self.pairing is not None or bool(self._by_address())

    @property
    def allowed(self) -> list[Address] | None:
        """Who gets an answer; None: everybody, because the address of the device to be added isn't known."""
        allowed = list(self._by_address())
        pairing = self.pairing
        if pairing is None:
            return allowed
        if pairing.visitor is not None:
            return [*allowed, pairing.visitor.address]
        return None if pairing.expected is None else [*allowed, pairing.expected]

    def served_at(self, served: Served | None) -> None:
        """Devices can connect there from now on, or nowhere."""
        self._served = served
        if served is not None and self._settled is not None and not self._settled.done():
            self._settled.set_result(served)

    def not_served(self, error: CopybaraError) -> None:
        """Devices can't be served."""
        self._served = None
        if self._settled is not None and not self._settled.done():
            self._settled.set_exception(error)

    def reload(self) -> None:
        """What is stored has changed."""
        self._known = None
        self.changed.set()

    # What the owner commands.

    def listed(self) -> list[PairedDevice]:
        """All devices by name."""
        return list(self._by_address().values())

    def is_connected(self, device: PairedDevice) -> bool:
        """Whether its page is open."""
        return any(page.address == device.address for page in self._pages.open)

    async def begin(self, name: str, address: str | None) -> OpenPairing:
        """Open the pairing of a device, at its overlay address if that is known; it replaces the one before.

        Raises InputError, and why devices can't be served: OverlayError, HandsetError.
        """
        name = check_name(name)
        if any(name_key(each.name) == name_key(name) for each in self.listed()):
            raise InputError(*texts.name_taken(name))
        self.cancel()
        self._pairing = DevicePairing(name, None if address is None else _overlay_address(address))
        self._settled = asyncio.get_running_loop().create_future()
        self.changed.set()
        try:
            if self._served is None:
                await self._settled
        except CopybaraError:
            self.cancel()
            raise
        finally:
            self._settled = None
        shown = self.shown()
        if shown is None:
            raise NoPairing
        return shown

    def shown(self) -> OpenPairing | None:
        """The pairing that is open, for the owner."""
        pairing, served = self.pairing, self._served
        if pairing is None or served is None:
            return None
        visitor = pairing.visitor
        return OpenPairing(
            name=pairing.name,
            address=f"{served.origin}/#pair={pairing.secret}",
            fingerprint=served.fingerprint,
            seconds=int(pairing.seconds_left),
            open_to_all=pairing.expected is None,
            visitor=str(visitor.address) if visitor else None,
            code=visitor.code if visitor else None,
        )

    async def confirm(self, code: str) -> PairedDevice:
        """The owner has seen the same code on the device. Raises NoPairing, InputError, StoreError."""
        pairing = self.pairing
        visitor = pairing.visitor if pairing is not None else None
        if (
            pairing is None
            or visitor is None
            or visitor.decided.done()
            or not secrets.compare_digest(visitor.code.encode(), code.encode())
        ):
            raise NoPairing
        now = int(time.time())
        device = PairedDevice(
            name=pairing.name,
            address=str(visitor.address),
            key=secrets.token_bytes(KEY_BYTES),
            cookie=visitor.cookie,
            added=now,
            seen=now,
        )
        await self._writes.write(lambda store: store.add_device(device))
        self._pairing = None
        self.reload()
        if not visitor.decided.done():
            visitor.decided.set_result(device)
        return device

    def cancel(self) -> bool:
        """End the pairing; a device that waits is refused. Returns whether there was one."""
        pairing, self._pairing = self._pairing, None
        if pairing is None:
            return False
        pairing.end()
        self.changed.set()
        return True

    async def remove(self, name: str) -> PairedDevice:
        """The device is none any more, and what it has open ends at once. Raises NoDevice, StoreError."""
        known = next((each for each in self.listed() if name_key(each.name) == name_key(name)), None)
        if known is None:
            raise NoDevice
        await self._writes.write(lambda store: store.remove_device(known.name))
        self.reload()
        if self._served is not None:
            self._served.end(ip_address(known.address))
        return known

    def _by_address(self) -> dict[Address, PairedDevice]:
        if self._known is None:
            self._known = {ip_address(each.address): each for each in self._writes.store.devices()}
        return self._known


def _overlay_address(text: str) -> Address:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        raise InputError(*texts.NO_ADDRESS) from None
    if address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
        raise InputError(*texts.NO_ADDRESS)
    return address
