"""Captures every packet on a device, from the first moment of a block to its last.

The rule that the tests check on a leaf's wire: **nothing but the overlay's own TCP connection to R, given by both
addresses and both ports.** There are no exceptions. ARP, neighbour discovery and multicast reports are not allowed
either, because namespaces.py leaves the kernel no reason to send any: if one appears, a program caused it.

A packet socket is opened in the namespace. The kernel queues packets for it while they are sent or received, so the
packets of a program that has returned from `send` are in the queue. At the end the kernel is asked how many packets it
dropped (packet(7), PACKET_STATISTICS), and even one is an error.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from tests.network.namespaces import Namespace

ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD
"Ethertypes, linux/if_ether.h."

SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_RCVBUFFORCE = 33
"Socket options of Linux that the socket module doesn't name."

QUEUE_BYTES = 128 << 20
"Holds some 100,000 small packets while the test's event loop is busy."
LARGEST_PACKET = 1 << 18
HEADER_BYTES = 512
"Bytes of each packet that are read."

IPV6_EXTENSIONS = {0, 43, 60}
"Hop-by-hop options, routing, destination options: next header 1 byte, length 1 byte in units of 8 (RFC 8200, 4)."
IPV6_FRAGMENT = 44

IPAddress = IPv4Address | IPv6Address


class CaptureLost(Exception):
    """The kernel dropped packets before they could be read, so the capture proves nothing."""


class Kind(StrEnum):
    """The kind of a packet, as far as the rule needs it."""

    TCP = "TCP"
    UDP = "UDP"
    ICMP = "ICMP"
    "ICMP of both IP versions, except the kinds below."
    ARP = "ARP"
    NDP = "neighbour discovery"
    "Solicitations, advertisements and redirects (RFC 4861)."
    MULTICAST_REPORT = "multicast report"
    "IGMP and MLD: a program has joined a group, or the kernel asks for the members."
    OTHER = "other"


_IP_PROTOCOLS = {
    socket.IPPROTO_TCP: Kind.TCP,
    socket.IPPROTO_UDP: Kind.UDP,
    socket.IPPROTO_ICMP: Kind.ICMP,
    socket.IPPROTO_ICMPV6: Kind.ICMP,
    socket.IPPROTO_IGMP: Kind.MULTICAST_REPORT,
}
_ICMPV6_TYPES = {
    **dict.fromkeys((130, 131, 132, 143), Kind.MULTICAST_REPORT),
    **dict.fromkeys((133, 134, 135, 136, 137), Kind.NDP),
}


@dataclass(frozen=True, slots=True)
class Flow:
    """What the packets of one direction have in common."""

    ethertype: int
    kind: Kind
    protocol: int | None = None
    "IP protocol number after all extension headers, None without IP. So is the IP version."
    source: IPAddress | None = None
    destination: IPAddress | None = None
    "For ARP, the address that the packet is about. None if the packet has none or is cut short."
    source_port: int | None = None
    destination_port: int | None = None
    "TCP and UDP only. None in all fragments but the first."

    @property
    def ip_version(self) -> int | None:
        """4, 6 or None."""
        return {ETH_P_IP: 4, ETH_P_IPV6: 6}.get(self.ethertype)

    def __str__(self) -> str:
        what = f"{self.kind} (ethertype {self.ethertype:#06x}, protocol {self.protocol})"
        return (
            f"{what if self.kind is Kind.OTHER else self.kind} {_endpoint(self.source, self.source_port)}"
            f" > {_endpoint(self.destination, self.destination_port)}"
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """Both directions of one TCP connection or of one UDP exchange."""

    kind: Kind
    one: tuple[IPAddress, int]
    other: tuple[IPAddress, int]
    "Address and port of either end."

    def covers(self, flow: Flow) -> bool:
        """Whether this flow is one of the two directions."""
        source, destination = (flow.source, flow.source_port), (flow.destination, flow.destination_port)
        ends = (source, destination)
        return flow.kind is self.kind and ends in ((self.one, self.other), (self.other, self.one))


@dataclass(slots=True)
class Volume:
    """Counts of packets and bytes."""

    packets: int = 0
    bytes: int = 0
    """Counted from the IP header. A piece that the kernel hands over at once counts as one packet (segmentation
    offload)."""


class Capture:
    """What was captured so far. Complete after the block."""

    flows: dict[Flow, Volume]

    def __init__(self, packets: socket.socket) -> None:
        self.flows = {}
        self._packets = packets
        self._buffer = bytearray(LARGEST_PACKET)
        self._grown = asyncio.Event()

    def leaks(self, *allowed: Conversation) -> list[str]:
        """What belongs to none of these conversations, as one line for each flow."""
        return [
            f"{flow} ({volume.packets} packets, {volume.bytes} bytes)"
            for flow, volume in self.flows.items()
            if not any(conversation.covers(flow) for conversation in allowed)
        ]

    def volume(self, conversation: Conversation | None = None) -> Volume:
        """What one conversation carried in both directions together, or what all carried if none is given."""
        seen = [volume for flow, volume in self.flows.items() if conversation is None or conversation.covers(flow)]
        return Volume(sum(volume.packets for volume in seen), sum(volume.bytes for volume in seen))

    async def until(self, seen: Callable[[Flow], bool]) -> None:
        """Return when a flow was captured for which the function is true. Give it a timeout."""
        while not any(map(seen, self.flows)):
            self._grown.clear()
            await self._grown.wait()

    def drain(self) -> None:
        """Count the queued packets. The event loop calls this while it runs, and the block calls it at its end."""
        while True:
            try:
                size, (_, ethertype, *_) = self._packets.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue  # The device was taken away, as an overlay's is when the overlay ends.
            volume = self.flows.setdefault(parse(ethertype, bytes(self._buffer[: min(size, HEADER_BYTES)])), Volume())
            volume.packets += 1
            volume.bytes += size
            self._grown.set()


@contextmanager
def capture(host: Namespace, device: str, queue_bytes: int = QUEUE_BYTES) -> Iterator[Capture]:
    """Capture on a device of a host during the block, in a running event loop. Raises CaptureLost at the end."""
    loop = asyncio.get_running_loop()
    # Protocol 0 receives nothing; the capture begins with bind, on this device only.
    with host.open_socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as packets:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, queue_bytes)
        packets.bind((device, ETH_P_ALL))
        captured = Capture(packets)
        loop.add_reader(packets, captured.drain)
        try:
            yield captured
        finally:
            loop.remove_reader(packets)
            captured.drain()
        _, dropped = struct.unpack("=II", packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    if dropped:
        raise CaptureLost(f"{dropped} packets on {device} of {host.name} were lost")


def parse(ethertype: int, packet: bytes) -> Flow:
    """The flow of a packet without its link layer. Never fails: an unreadable packet is of Kind.OTHER."""
    try:
        if ethertype == ETH_P_IP:
            return _parse_ipv4(packet)
        if ethertype == ETH_P_IPV6:
            return _parse_ipv6(packet)
        if ethertype == ETH_P_ARP:
            return Flow(ethertype, Kind.ARP, None, IPv4Address(packet[14:18]), IPv4Address(packet[24:28]))
    except (IndexError, ValueError, struct.error):
        pass
    return Flow(ethertype, Kind.OTHER)


def _parse_ipv4(packet: bytes) -> Flow:
    first_fragment = not int.from_bytes(packet[6:8], "big") & 0x1FFF
    rest = packet[(packet[0] & 15) * 4 :] if first_fragment else b""
    return _parse_transport(ETH_P_IP, packet[9], IPv4Address(packet[12:16]), IPv4Address(packet[16:20]), rest)


def _parse_ipv6(packet: bytes) -> Flow:
    protocol, rest = packet[6], packet[40:]
    while protocol in IPV6_EXTENSIONS:
        protocol, rest = rest[0], rest[8 + rest[1] * 8 :]
    if protocol == IPV6_FRAGMENT:
        first_fragment = not int.from_bytes(rest[2:4], "big") & 0xFFF8
        protocol, rest = rest[0], rest[8:] if first_fragment else b""
    return _parse_transport(ETH_P_IPV6, protocol, IPv6Address(packet[8:24]), IPv6Address(packet[24:40]), rest)


def _parse_transport(ethertype: int, protocol: int, source: IPAddress, destination: IPAddress, rest: bytes) -> Flow:
    kind = _IP_PROTOCOLS.get(protocol, Kind.OTHER)
    if protocol == socket.IPPROTO_ICMPV6 and rest:
        kind = _ICMPV6_TYPES.get(rest[0], kind)
    source_port = destination_port = None
    if kind in (Kind.TCP, Kind.UDP) and rest:
        source_port, destination_port = struct.unpack_from("!HH", rest)
    return Flow(ethertype, kind, protocol, source, destination, source_port, destination_port)


def _endpoint(address: IPAddress | None, port: int | None) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"
