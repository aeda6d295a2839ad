"""Which devices there are, and the one that is being added: what the owner commands. door.py is what servers ask."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

import msgspec

from bot.devices.door import Door
from bot.devices.removed import RemovedDevices
from bot.texts import devices as texts
from peer.handset.devices.pairing import DevicePairing
from peer.handset.devices.places import ServingPlaces, is_private
from peer.handset.page import Pages
from peer.handset.proof import KEY_BYTES
from peer.overlay import Address
from peer.overlay.interfaces import Network
from shared.contacts import check_name, name_key
from shared.errors import InputError, NoDevice, NoPairing, StoreError
from shared.nearest import did_you_mean
from shared.paired_device import DeviceWay, PairedDevice
from shared.store import Store, StoreThread

logger = logging.getLogger(__name__)

ERASE_AGAIN_SECONDS = 1.0
"How soon to try again to erase a device that is locked out."


class OpenPairing(msgspec.Struct, frozen=True):
    """What the owner needs to add a device."""

    name: str
    address: str
    "To be opened on the device. The one-time secret is in it, behind `#`."

    fingerprint: str
    "Of the certificate authority."

    certificate: str
    "The fingerprint of the server's own certificate: only who has its key can show it."

    seconds: int
    "Until it is over."

    open_to_all: bool
    "Whether strangers can see that there is a server meanwhile."

    visitor: str | None
    code: str | None
    "The address of the device that waits, and what it shows."

    way: DeviceWay = DeviceWay.OVERLAY


class DeviceBook:
    """The devices of this home."""

    def __init__(
        self,
        writes: StoreThread,
        pages: Pages,
        tell_visit: Callable[[OpenPairing], None],
        places: Sequence[ServingPlaces],
        tell_erased: Callable[[PairedDevice], None],
        removed: RemovedDevices,
    ) -> None:
        """`tell_visit` tells the owner that a device shows a code; `places` are the ways by which devices may come.

        `tell_erased` tells them that a device is erased at last, which couldn't be when they removed it; `removed`
        knows those of an earlier run. Raises StoreError.
        """
        self._writes = writes
        self._pages = pages
        self._tell_visit = tell_visit
        self._tell_erased = tell_erased
        self._known: dict[Address, PairedDevice] | None = None
        self._removed = removed
        self._locked_out = {each.key: each for each in removed.among(writes.store.devices())}
        "Removed and not erased yet, by key."
        self._to_erase = asyncio.Event()
        "Set when nobody waits for one of these to be erased, or to be noted."
        self._to_erase.set()
        self.doors = {each.way: Door(each, self._by_address, self._visited, self._seen) for each in places}
        "What is open to them, by way."

    def reload(self) -> None:
        """What is stored has changed."""
        self._known = None
        for door in self.doors.values():
            door.changed.set()

    def listed(self) -> list[PairedDevice]:
        """All devices by name."""
        return list(self._by_address().values())

    def is_connected(self, device: PairedDevice) -> bool:
        """Whether its page is open."""
        return any(page.address == device.address for page in self._pages.open)

    def ringing(self) -> list[tuple[str, bool]]:
        """Where else calls ring: the names of the devices that are served, and whether their page is open."""
        return [
            (device.name, self.is_connected(device))
            for device in self.listed()
            if (door := self.doors.get(device.way)) is not None and door.served is not None
        ]

    async def begin(self, name: str, where: str | None) -> OpenPairing:
        """Open the pairing of a device; it replaces the one before.

        `where` is its address if that is known, `lan` for the home's network, None for the overlay. Raises InputError,
        and why devices can't be served: OverlayError, HandsetError.
        """
        name = check_name(name)
        if self._of_name(name, self._locked_out.values()) or self._of_name(name, self.listed()):
            raise InputError(*texts.name_taken(name))
        way, expected, network = await self._way_to(where)
        self.cancel()
        await self.doors[way].open(DevicePairing(name, expected, network))
        shown = self.shown()
        if shown is None:
            raise NoPairing
        return shown

    def shown(self) -> OpenPairing | None:
        """The pairing that is open, for the owner."""
        for way, door in self.doors.items():
            if (pairing := door.pairing) is not None and door.served is not None:
                visitor = pairing.visitor
                return OpenPairing(
                    name=pairing.name,
                    address=f"{door.served.origin}/#pair={pairing.secret}",
                    fingerprint=door.served.fingerprint,
                    certificate=door.served.certificate,
                    seconds=int(pairing.seconds_left),
                    open_to_all=pairing.expected is None,
                    visitor=str(visitor.address) if visitor else None,
                    code=visitor.code if visitor else None,
                    way=way,
                )
        return None

    async def confirm(self, code: str) -> PairedDevice:
        """The owner has seen the same code on the device. Raises NoPairing, InputError, StoreError."""
        door = next((each for each in self.doors.values() if each.pairing is not None), None)
        pairing = door.pairing if door is not None else None
        visitor = pairing.visitor if pairing is not None else None
        if (
            door is None
            or pairing is None
            or visitor is None
            or visitor.decided.done()
            or not secrets.compare_digest(visitor.code.encode(), code.encode())
        ):
            raise NoPairing
        now = int(time.time())
        device = PairedDevice(
            name=pairing.name,
            address=str(visitor.address),
            way=door.way,
            key=secrets.token_bytes(KEY_BYTES),
            cookie=visitor.cookie,
            added=now,
            seen=now,
        )
        await self._writes.write(lambda store: store.add_device(device))
        door.close(refuse=False)
        self.reload()
        if not visitor.decided.done():
            visitor.decided.set_result(device)
        return device

    def cancel(self) -> bool:
        """End the pairing; a device that waits is refused. Returns whether there was one."""
        return [door.close() for door in self.doors.values()].count(True) > 0

    async def remove(self, name: str) -> PairedDevice:
        """The device is none any more, and what it has open ends at once, before anything is written. Raises NoDevice.

        Raises StoreError if its key couldn't be erased yet; `erase_removed` goes on trying, also in the next run.
        """
        known = self._of_name(name, self.listed()) or self._of_name(name, self._locked_out.values())
        if known is None:
            raise NoDevice(hint=did_you_mean(name, [each.name for each in self.listed()]))
        self._locked_out[known.key] = known
        self.reload()
        door = self.doors.get(known.way)
        if door is not None and door.served is not None:
            door.served.end(ip_address(known.address))
        noted = await self._note()
        try:
            await self._writes.write(_erasing(known))
            self._erased(known)
        except StoreError as error:
            raise StoreError(*texts.not_erased(known, error, noted=noted)) from error
        finally:
            self._to_erase.set()
        return known

    async def erase_removed(self) -> None:
        """Erase the devices that couldn't be erased when they were removed, until cancelled."""
        while True:
            await self._to_erase.wait()
            self._to_erase.clear()
            for device in tuple(self._locked_out.values()):
                try:
                    await self._writes.write(_erasing(device), patience=math.inf)
                except StoreError as error:
                    logger.warning("a removed device isn't erased yet: %s", error.sentence)
                    self._to_erase.set()
                else:
                    if self._erased(device):
                        self._tell_erased(device)
            if not await self._note() or self._to_erase.is_set():
                self._to_erase.set()
                await asyncio.sleep(ERASE_AGAIN_SECONDS)

    async def _note(self) -> bool:
        """Write down what is locked out, for the next run. Returns whether it could be written."""
        try:
            await self._removed.keep(self._locked_out.values())
        except StoreError as error:
            logger.warning("which devices are removed isn't written down: %s", error.sentence)
            return False
        return True

    async def _way_to(self, where: str | None) -> tuple[DeviceWay, Address | None, Network | None]:
        """By which way a device comes, its address if that is known, and the network that it is in."""
        if where is None:
            return DeviceWay.OVERLAY, None, None
        lan = self.doors.get(DeviceWay.LAN)
        if where.lower() == DeviceWay.LAN:
            if lan is None:
                raise InputError(*texts.NO_LAN)
            return DeviceWay.LAN, None, (await lan.places.find()).network
        address = _address(where)
        if lan is not None and is_private(address):
            network = (await lan.places.find()).network
            if network is None or address in network:
                return DeviceWay.LAN, address, network
        return DeviceWay.OVERLAY, address, None

    def _visited(self) -> None:
        if (shown := self.shown()) is not None:
            self._tell_visit(shown)

    async def _seen(self, device: PairedDevice) -> None:
        now = int(time.time())
        await self._writes.write(lambda store: store.device_seen(device.name, now))
        self._known = None

    def _by_address(self) -> dict[Address, PairedDevice]:
        if self._known is None:
            stored = self._writes.store.devices()
            self._known = {ip_address(each.address): each for each in stored if each.key not in self._locked_out}
        return self._known

    def _erased(self, device: PairedDevice) -> bool:
        """It is off the disk. Returns whether that is news."""
        known = self._locked_out.pop(device.key, None)
        self.reload()
        return known is not None

    @staticmethod
    def _of_name(name: str, devices: Iterable[PairedDevice]) -> PairedDevice | None:
        return next((each for each in devices if name_key(each.name) == name_key(name)), None)


def _erasing(device: PairedDevice) -> Callable[[Store], None]:
    """Erases that device, and no other one that has its name by now."""

    def erase(store: Store) -> None:
        stored = store.device_named(device.name)
        if stored is not None and stored.key == device.key:
            store.remove_device(device.name)

    return erase


def _address(text: str) -> Address:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        raise InputError(*texts.NO_ADDRESS) from None
    if address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
        raise InputError(*texts.NO_ADDRESS)
    return address
