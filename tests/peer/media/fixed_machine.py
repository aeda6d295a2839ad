"""A machine with a fixed list of devices and routes, for decisions that would otherwise need such devices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_interface

from peer.overlay import Address
from peer.overlay.interfaces import Interface, Network, carrier_of


@dataclass(frozen=True, slots=True)
class FixedMachine:
    """Chooses routes as the kernel does: the most specific subnet, else the default route."""

    devices: tuple[Interface, ...]
    default: str | None = None

    def interfaces(self) -> tuple[Interface, ...]:
        return self.devices

    def leaves_by(self, address: Address, source: Address | None = None) -> str | None:
        if carrier_of(address, self.devices):
            return "lo"
        subnets: list[tuple[int, str]] = []
        for device in self.devices:
            subnet: Network | None = device.subnet_of(address) if device.up else None
            if subnet is not None:
                subnets.append((subnet.prefixlen, device.name))
        return max(subnets, default=(0, self.default))[1]

    def without(self, name: str) -> FixedMachine:
        """The same machine without a device."""
        return replace(self, devices=tuple(device for device in self.devices if device.name != name))


def device(name: str, *addresses: str, mtu: int = 1400, up: bool = True, loopback: bool = False) -> Interface:
    """A device with addresses like 10.83.0.1/24."""
    return Interface(name, tuple(map(ip_interface, addresses)), mtu, up=up, loopback=loopback)


LO = device("lo", "127.0.0.1/8", "::1/128", mtu=65536, loopback=True)
ETH0 = device("eth0", "192.168.7.2/24", "2001:db8:7::2/64", "fe80::2/64", mtu=1500)
TUN0 = device("tun0", "10.83.0.1/24", mtu=1100)
YGG0 = device("ygg0", "200:7428:8562:70c:192a:669b:b4d3:c0b2/7", "fe80::3/64", mtu=65535)

MACHINE = FixedMachine((LO, ETH0, TUN0, YGG0), default="eth0")
"A machine at home with a Staex node and a Yggdrasil node."
