"""One of the ways by which devices come: what its server asks, and what serving.py and the owner's commands do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from peer.handset.devices.pairing import DevicePairing, Visitor
from peer.handset.devices.places import ServingPlaces
from peer.overlay import Address
from shared.errors import CopybaraError, HandsetError, NoPairing
from shared.paired_device import DeviceWay, PairedDevice

PATIENCE_SECONDS = 15.0
"How long adding a device waits until devices are served."


class Served(msgspec.Struct, frozen=True):
    """Where devices are served now."""

    origin: str
    "Such as `https://[200::1]:8766`."

    fingerprint: str
    "Of the certificate authority, as phones show it."

    certificate: str
    "The fingerprint of the server's own certificate, as browsers show it beside their warning."

    end: Callable[[Address], None]
    "Ends everything that a device has open."


class Door:
    """The devices of one way, and the one to be added by it."""

    def __init__(
        self,
        places: ServingPlaces,
        known: Callable[[], Mapping[Address, PairedDevice]],
        visited: Callable[[], None],
        seen: Callable[[PairedDevice], Awaitable[None]],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`known` are all devices; `visited` is called when one shows a code, `seen` when it opens or leaves a page.

        Adding a device waits `patience_seconds` until devices are served.
        """
        self.places = places
        self.served: Served | None = None
        self.changed = asyncio.Event()
        "Set when somebody else is to be let in, or nobody any more."

        self._known = known
        self._visited = visited
        self._seen = seen
        self._patience_seconds = patience_seconds
        self._pairing: DevicePairing | None = None
        self._settled: asyncio.Future[Served] | None = None
        "Who adds a device waits for it: whether devices can be served."

    @property
    def way(self) -> DeviceWay:
        """By which network they come."""
        return self.places.way

    # What the server asks.

    @property
    def pairing(self) -> DevicePairing | None:
        """What is open now."""
        pairing = self._pairing
        return pairing if pairing is not None and pairing.seconds_left > 0 and not pairing.exhausted else None

    def device_at(self, address: Address) -> PairedDevice | None:
        """The device of that address."""
        device = self._known().get(address)
        return device if device is not None and device.way is self.way else None

    def visits(self, pairing: DevicePairing, visitor: Visitor) -> None:
        """A device shows a code and waits for the owner."""
        self.changed.set()
        self._visited()

    def left(self, pairing: DevicePairing) -> None:
        """It has gone again, or was decided about."""
        self.changed.set()

    async def seen(self, device: PairedDevice) -> None:
        """A device has opened or left its page. Raises StoreError."""
        await self._seen(device)

    # What serving.py asks.

    @property
    def wanted(self) -> bool:
        """Whether devices are to be served."""
        return self.pairing is not None or bool(self._addresses)

    @property
    def allowed(self) -> list[Address] | None:
        """Who gets an answer; None: everybody, because the address of the device to be added isn't known."""
        pairing = self.pairing
        if pairing is None:
            return self._addresses
        if pairing.visitor is not None:
            return [*self._addresses, pairing.visitor.address]
        return None if pairing.expected is None else [*self._addresses, pairing.expected]

    def served_at(self, served: Served | None) -> None:
        """Devices can connect there from now on, or nowhere."""
        self.served = served
        if served is not None and self._settled is not None and not self._settled.done():
            self._settled.set_result(served)

    def not_served(self, error: CopybaraError) -> None:
        """Devices can't be served."""
        self.served = None
        if self._settled is not None and not self._settled.done():
            self._settled.set_exception(error)

    # What the owner's commands do.

    async def open(self, pairing: DevicePairing) -> None:
        """Let one device be added, once devices are served. Raises why they can't be: OverlayError, HandsetError."""
        self.close()
        self._pairing = pairing
        settled = self._settled = asyncio.get_running_loop().create_future()
        self.changed.set()
        try:
            if self.served is None:
                # The owner's other commands wait as well.
                async with asyncio.timeout(self._patience_seconds):
                    await settled
        except (CopybaraError, TimeoutError) as error:
            if self._pairing is pairing:
                self.close()
            if isinstance(error, TimeoutError):
                raise HandsetError("Your devices can't be served yet.", "Try again in a moment.") from None
            raise
        finally:
            if self._settled is settled:
                self._settled = None

    def close(self, *, refuse: bool = True) -> bool:
        """End the pairing; a device that waits is refused, unless it was let in. Returns whether there was one."""
        pairing, self._pairing = self._pairing, None
        settled, self._settled = self._settled, None
        if settled is not None and not settled.done():
            settled.set_exception(NoPairing())
        if pairing is None:
            return False
        if refuse:
            pairing.end()
        self.changed.set()
        return True

    @property
    def _addresses(self) -> list[Address]:
        return [address for address, device in self._known().items() if device.way is self.way]
