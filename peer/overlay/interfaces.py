"""This machine's own network devices: their addresses and subnets, and which of them a packet would leave by.

Nothing here sends a packet. Every answer is read from the kernel again, because an overlay's device comes and goes.
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
"Bytes of a device name with its final zero, netdevice(7)."

SIOCGIFFLAGS = 0x8913
SIOCGIFMTU = 0x8921
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
"Requests and flags of netdevice(7). They are asked by ioctl, not in /sys: that shows another namespace's devices."

DOCUMENTATION: tuple[Address, ...] = (IPv4Address("203.0.113.1"), IPv6Address("2001:db8::1"))
"Nobody's addresses (RFC 5737, RFC 3849): where the default route leads is where packets to them would leave."


@dataclass(frozen=True, slots=True)
class Interface:
    """One network device as it is now."""

    name: str
    "As `ip link` shows it, at most 15 bytes."

    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    "Its addresses with their subnets, link-local ones too."

    mtu: int | None = None
    "The largest packet it takes, in bytes; None if the kernel doesn't say."

    up: bool = True
    loopback: bool = False

    kind: str | None = None
    "What it is made of, see device_kind.py; None if that isn't known."

    def carries(self, address: Address) -> bool:
        """Whether the address is one of the device's own."""
        return any(own.ip == address for own in self.addresses)

    def subnet_of(self, address: Address) -> Network | None:
        """The most specific of the device's subnets that the address lies in."""
        subnets: list[Network] = [own.network for own in self.addresses if address in own.network]
        return max(subnets, key=lambda subnet: subnet.prefixlen, default=None)


def carrier_of(address: Address, interfaces: Iterable[Interface]) -> Interface | None:
    """The device that carries the address as its own, or None."""
    return next((interface for interface in interfaces if interface.carries(address)), None)


class Machine(Protocol):
    """What an overlay asks the machine that it runs on."""

    def interfaces(self) -> tuple[Interface, ...]:
        """All devices that have an address. Raises OverlayDown if the kernel can't be asked."""

    def leaves_by(self, address: Address, source: Address | None = None) -> str | None:
        """The device by which a packet to the address would leave, if it came from `source` when that is given.

        None if there is no route. Raises OverlayDown if the kernel can't be asked.
        """


class ThisMachine:
    """The machine and network namespace that the program runs in."""

    def interfaces(self) -> tuple[Interface, ...]:
        """As Machine.interfaces."""
        found: dict[str, list[IPv4Interface | IPv6Interface]] = {}
        try:
            for adapter in ifaddr.get_adapters():
                # An address may have a label of its own, like eth0:1; the device's name comes before the colon.
                found.setdefault(adapter.name.partition(":")[0], []).extend(map(_with_subnet, adapter.ips))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
                return tuple(_interface(name, tuple(ips), asked.fileno()) for name, ips in found.items())
        except OSError as error:
            raise OverlayDown("This machine's network devices can't be listed.") from error

    def leaves_by(self, address: Address, source: Address | None = None) -> str | None:
        """As Machine.leaves_by."""
        try:
            return outgoing_device(address, source)
        except OSError as error:
            raise OverlayDown("This machine's routes can't be read.") from error


def device_number(interface: str | None) -> int | None:
    """The kernel's number of a network device: one that is made again has another. None if there is no such device."""
    try:
        return socket.if_nametoindex(interface) if interface is not None else None
    except OSError:
        return None


def default_devices(machine: Machine) -> frozenset[str]:
    """The devices that the default routes lead to: what goes there goes to the internet."""
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
    """One number out of the kernel's struct ifreq, or None if the device went away meanwhile."""
    question = struct.pack(f"{IFNAMSIZ}s24x", name.encode())
    try:
        answer = fcntl.ioctl(asked, request, question)
    except OSError:
        return None
    number: int = struct.unpack_from(form, answer, IFNAMSIZ)[0]
    return number
