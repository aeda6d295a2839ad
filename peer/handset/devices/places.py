"""Where devices can be served: at the overlay address, or at an address in the local network."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

import msgspec

from peer.overlay import Address
from peer.overlay.interfaces import Interface, Machine, Network, ThisMachine, carrier_of, device_number
from peer.overlay.watch import OverlayWatch
from shared.errors import NoLocalAddress, OverlayDown, OverlayError
from shared.paired_device import DeviceWay

PRIVATE: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
"""The addresses of local networks (RFC 1918, RFC 4193). Link-local ones are missing, because a page's address can't
name their network device."""


class ServingPlace(msgspec.Struct, frozen=True):
    """One address of this machine, and its network device."""

    address: Address
    interface: str | None

    device: int | None
    "The kernel's number of the interface. A new interface has another number."

    network: Network | None = None
    "The network of the devices. None: anywhere behind the interface."


class ServingPlaces(Protocol):
    """Finds the place for one way to reach devices."""

    way: DeviceWay

    async def find(self) -> ServingPlace:
        """The place where devices can be served now. Raises CopybaraError."""

    def stands(self, place: ServingPlace) -> bool:
        """Whether a server at that place still works, or may work again."""


class OverlayPlaces:
    """The overlay address."""

    way = DeviceWay.OVERLAY

    def __init__(self, watch: OverlayWatch) -> None:
        self._watch = watch

    async def find(self) -> ServingPlace:
        """See ServingPlaces. Raises OverlayError."""
        state = self._watch.state if self._watch.state.up else await self._watch.check()
        if state.error is not None or state.address is None:
            raise state.error or OverlayDown()
        return ServingPlace(state.address, state.interface, state.device)

    def stands(self, place: ServingPlace) -> bool:
        """See ServingPlaces."""
        now = self._watch.state
        return not now.up or (now.address, now.device) == (place.address, place.device)


class LocalPlaces:
    """The address in the local network."""

    way = DeviceWay.LAN

    def __init__(
        self, address: Address, overlays: Callable[[], str | None] = lambda: None, machine: Machine | None = None
    ) -> None:
        """`overlays` gives the name of the overlay's network device."""
        self._address = address
        self._overlays = overlays
        self._machine = machine or ThisMachine()

    async def find(self) -> ServingPlace:
        """See ServingPlaces. Raises NoLocalAddress, and OverlayDown if the kernel can't be asked."""
        interface = local_interface(self._address, self._machine.interfaces(), self._overlays())
        network = interface.subnet_of(self._address)
        return ServingPlace(self._address, interface.name, device_number(interface.name), network)

    def stands(self, place: ServingPlace) -> bool:
        """See ServingPlaces."""
        if place.device != device_number(place.interface):
            return False
        try:
            carrier = carrier_of(place.address, self._machine.interfaces())
        except OverlayError:
            return False
        return carrier is not None and carrier.name == place.interface


def is_private(address: Address) -> bool:
    """Whether an address may be one of a local network."""
    return any(address in network for network in PRIVATE)


def local_interface(address: Address, interfaces: tuple[Interface, ...], overlays: str | None) -> Interface:
    """The network device with this address, if devices can be served there. Pure.

    `overlays` is the name of the overlay's device. Raises NoLocalAddress.
    """
    carrier = carrier_of(address, interfaces)
    if carrier is not None and carrier.name == overlays:
        raise NoLocalAddress(
            f"{address} is on the overlay's network device {overlays}, and not in your home's network.",
            "Devices in the overlay need no `lan` under [devices] of copybara.toml.",
        )
    if carrier is not None and is_private(address) and not carrier.loopback:
        return carrier
    others = [
        str(own.ip)
        for interface in interfaces
        if not interface.loopback and interface.name != overlays
        for own in interface.addresses
        if is_private(own.ip)
    ]
    here = f"Its addresses in local networks now: {', '.join(others)}." if others else "It is in no local network now."
    raise NoLocalAddress(
        f"This computer doesn't have the address {address} in a local network.",
        f"{here} Change `lan` under [devices] of copybara.toml, or give this computer a fixed address in your router.",
    )
