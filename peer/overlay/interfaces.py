"""This machine's network devices: their addresses and subnets, and the device by which a packet would leave.

Nothing here sends a packet. Each answer is read from the kernel again, because an overlay's device comes and goes.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
)
from typing import Protocol

import ifaddr

from peer.overlay import Address
from peer.overlay.device_kind import device_kind
from peer.overlay.routes import outgoing_device
from shared.errors import OverlayDown

Network = IPv4Network | IPv6Network

IFNAMSIZ = 16
"The size of a device name with its final zero, in bytes (netdevice(7))."

SIOCGIFFLAGS = 0x8913
SIOCGIFMTU = 0x8921
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
"Requests and flags of netdevice(7). They use ioctl, because /sys may show another namespace's devices."

DOCUMENTATION: tuple[Address, ...] = (IPv4Address("203.0.113.1"), IPv6Address("2001:db8::1"))
"Addresses that nobody has (RFC 5737, RFC 3849). Packets to them would leave by the default route."


@dataclass(frozen=True, slots=True)
class Interface:
    """The present state of one network device."""

    name: str
    "Its name in `ip link`, at most 15 bytes."

    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    "Its addresses with their subnets, including link-local ones."

    mtu: int | None = None
    "Its largest packet in bytes. None if the kernel doesn't say."

    up: bool = True
    loopback: bool = False

    kind: str | None = None
    "Its kind, see device_kind.py. None if that isn't known."

    def carries(self, address: Address) -> bool:
        """Whether the device has the address."""
        return any(own.ip == address for own in self.addresses)

    def subnet_of(self, address: Address) -> Network | None:
        """The most specific of the device's subnets with the address."""
        subnets: list[Network] = [own.network for own in self.addresses if address in own.network]
        return max(subnets, key=lambda subnet: subnet.prefixlen, default=None)


def carrier_of(address: Address, interfaces: Iterable[Interface]) -> Interface | None:
    """The device that has the address, or None."""
    return next((interface for interface in interfaces if interface.carries(address)), None)


class Machine(Protocol):
    """What an overlay asks the machine that it runs on."""

    def interfaces(self) -> tuple[Interface, ...]:
        """All devices that have an address. Raises OverlayDown if the kernel can't be asked."""

    def leaves_by(self, address: Address, source: Address | None = None) -> str | None:
        """The device by which a packet to the address would leave, from `source` if that is given.

        None if there is no route. Raises OverlayDown if the kernel can't be asked.
        """


class ThisMachine:
    """The machine and the network namespace in which the program runs."""

    def interfaces(self) -> tuple[Interface, ...]:
        """See Machine."""
        found: dict[str, list[IPv4Interface | IPv6Interface]] = {}
        try:
            for adapter in ifaddr.get_adapters():
                # An address may have a label, such as eth0:1. The part before the colon is the device's name.
                found.setdefault(adapter.name.partition(":")[0], []).extend(map(_with_subnet, adapter.ips))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
                return tuple(_interface(name, tuple(ips), asked.fileno()) for name, ips in found.items())
        except OSError as error:
            raise OverlayDown("This machine's network devices can't be listed.") from error

    def leaves_by(self, address: Address, source: Address | None = None) -> str | None:
        """See Machine."""
        try:
            return outgoing_device(address, source)
        except OSError as error:
            raise OverlayDown("This machine's routes can't be read.") from error


def device_number(interface: str | None) -> int | None:
    """The kernel's number of a network device. A device that is made again has another one.

    None if it doesn't exist.
    """
    try:
        return socket.if_nametoindex(interface) if interface is not None else None
    except OSError:
        return None


def default_devices(machine: Machine) -> frozenset[str]:
    """The devices of the default routes. Packets to these devices go to the internet."""
    return frozenset(name for name in map(machine.leaves_by, DOCUMENTATION) if name)


def _with_subnet(ip: ifaddr.IP) -> IPv4Interface | IPv6Interface:
    text = ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip
    return ip_interface(f"{text}/{ip.network_prefix}")


def _interface(name: str, addresses: tuple[IPv4Interface | IPv6Interface, ...], asked: int) -> Interface:
    flags = _ask(asked, SIOCGIFFLAGS, name, "H") or 0
    mtu = _ask(asked, SIOCGIFMTU, name, "i")
    index = device_number(name)
    return Interface(
        name,
        addresses,
        mtu,
        up=bool(flags & IFF_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        kind=device_kind(index) if index is not None else None,
    )


def _ask(asked: int, request: int, name: str, form: str) -> int | None:
    """A number in the kernel's struct ifreq. None if the device is gone."""
    question = struct.pack(f"{IFNAMSIZ}s24x", name.encode())
    try:
        answer = fcntl.ioctl(asked, request, question)
    except OSError:
        return None
    number: int = struct.unpack_from(form, answer, IFNAMSIZ)[0]
    return number
