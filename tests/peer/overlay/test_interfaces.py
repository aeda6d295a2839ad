"""What the kernel says about this machine's devices and routes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, ip_address, ip_interface

from peer.overlay.interfaces import ThisMachine, carrier_of, default_devices
from tests.peer.own_namespace import in_own_namespace, ip

ETH_P_ALL = 3
"From linux/if_ether.h."

LOOPBACK = IPv4Address("127.0.0.1")


def test_every_machine_has_its_loopback_device() -> None:
    lo = carrier_of(LOOPBACK, ThisMachine().interfaces())
    assert lo is not None
    assert lo.loopback
    assert lo.up
    assert ThisMachine().leaves_by(LOOPBACK) == lo.name


def test_devices_are_seen_with_addresses_mtu_and_state() -> None:
    async def work() -> None:
        ip("link add over0 mtu 1300 type veth peer name far0")
        ip("addr add 10.83.0.1/24 dev over0 label over0:1")
        ip("addr add 10.84.0.1/32 dev over0")
        ip("addr add fd83::1/64 dev over0 nodad")
        down = next(device for device in ThisMachine().interfaces() if device.name == "over0")
        assert not down.up
        assert down.mtu == 1300
        ip("link set over0 up")
        up = next(device for device in ThisMachine().interfaces() if device.name == "over0")
        assert up.up
        assert not up.loopback
        assert set(map(ip_interface, ("10.83.0.1/24", "10.84.0.1/32", "fd83::1/64"))) <= set(up.addresses)
        assert str(up.subnet_of(IPv4Address("10.83.0.7"))) == "10.83.0.0/24"
        assert up.subnet_of(IPv4Address("10.85.0.7")) is None

    in_own_namespace(work)


def test_the_kernel_says_by_which_device_a_packet_would_leave_and_none_does() -> None:
    async def work() -> None:
        machine = ThisMachine()
        assert machine.leaves_by(IPv4Address("10.83.0.7")) is None
        assert default_devices(machine) == frozenset()
        for line in (
            "link add over0 type veth peer name far0",
            "link set far0 up",
            "addr add 10.83.0.1/24 dev over0",
            "addr add fd83::1/64 dev over0 nodad",
            "link set over0 up",
            "link add net0 type veth peer name far1",
            "link set far1 up",
            "addr add 192.168.7.2/24 dev net0",
            "link set net0 up",
            "route add default dev net0",
        ):
            ip(line)
        asked = {"10.83.0.7": "over0", "fd83::7": "over0", "192.168.7.9": "net0", "203.0.113.9": "net0"}
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as wire:
            wire.setblocking(False)
            for address, device in asked.items():
                assert machine.leaves_by(ip_address(address)) == device
            assert default_devices(machine) == {"net0"}
            assert machine.leaves_by(IPv4Address("10.83.0.1")) == "lo"
            assert machine.leaves_by(IPv4Address("10.83.0.7"), IPv4Address("10.83.0.1")) == "over0"
            assert machine.leaves_by(IPv4Address("255.255.255.255")) is None
            # The kernel announces its multicast groups on new devices. Neither a packet nor a question for a
            # neighbour's hardware address may mention the address that was asked about.
            for packet in seen_on(wire):
                assert not any(ip_address(address).packed in packet for address in asked)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("10.83.0.7", 9))
            assert any(IPv4Address("10.83.0.7").packed in packet for packet in seen_on(wire))

    in_own_namespace(work)


def seen_on(wire: socket.socket) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while True:
            yield wire.recv(65536)
