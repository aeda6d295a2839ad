"""The UDP sockets of a leg to a browser on this machine."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from ipaddress import IPv4Address
from typing import NamedTuple, cast

from peer.handset.access import HOST
from peer.handset.loopback_filter import only_through_loopback
from peer.overlay import Address
from peer.overlay.interfaces import ThisMachine, default_devices
from peer.transport.bursts import BurstProtocol, BurstTransport, in_bursts
from peer.transport.connections import Connections, Refusal, Share
from peer.transport.flood_filter import FloodFilter
from peer.transport.udp_socket import RECEIVE_BUFFER, bound_socket
from shared.errors import OverlayDown
from shared.rate import Bucket, Limit

logger = logging.getLogger(__name__)

LOOPBACK = IPv4Address(HOST)

DEVICE = "lo" if sys.platform == "linux" else None

MAX_HOSTS = 256
"Addresses that are remembered. All of 127.0.0.0/8 is this machine's, so their number has to end somewhere."

PROBES = Limit(at_once=MAX_HOSTS, per_second=10.0)
"Of addresses: whose they are is asked with a socket. A browser has two or three."

MAX_OTHER_ADDRESSES = 4
"Of this machine's other addresses, those that Firefox is offered. It needs one: that of the default route, as a rule."


class LoopbackSocket:
    """A socket on 127.0.0.1 that takes datagrams from every address of this machine, and from no other.

    Chromium sends to 127.0.0.1 from the address of its network card. Where an answer goes is kept here, by the
    browser's port number.

    Firefox neither sends to 127.0.0.1 nor takes anything from there. For it there are sockets on the machine's other
    addresses, with a filter that keeps out what doesn't come through the loopback device.
    """

    local: Address = LOOPBACK
    remote: Address = LOOPBACK

    def __init__(self) -> None:
        self.connections = Connections()
        self.counters = self.connections.counters
        self._bound: list[_BoundSocket] = []
        "The first is on 127.0.0.1."

        self._own: dict[str, bool] = {}
        self._probes = Bucket(PROBES)
        self._ways: dict[int, _Way] = {}
        "How the browser is reached by its port, once that has shown that it knows the connection's password."

        self._current: tuple[int, _Way] | None = None
        "While a datagram is handled: the browser's port that it came from, and the way back."

    @classmethod
    async def listen(cls) -> LoopbackSocket:
        """Bind free ports. Raises OverlayError if there is none on 127.0.0.1."""
        self = cls()
        try:
            self._bind(bound_socket(LOOPBACK, DEVICE, 0)[0], None)
            for address in _other_addresses():
                sock = _behind_loopback(address)
                if sock is not None:
                    self._bind(sock, socket.if_nametoindex("lo"))
        except BaseException:
            self.close()
            raise
        return self

    def _bind(self, sock: socket.socket, device: int | None) -> None:
        """`device` is the number of the one that a filter keeps it to."""
        self._bound.append(in_bursts(sock, _BoundSocket(self, device)))

    @property
    def port(self) -> int:
        """The UDP port on 127.0.0.1."""
        return self._bound[0].at[1]

    @property
    def listening(self) -> list[tuple[IPv4Address, int]]:
        """The addresses and ports that a browser may send to, 127.0.0.1 first."""
        return [each.at for each in self._bound]

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._bound[0].closed

    def close(self) -> None:
        """Close all sockets at once; connections that still use them learn of it."""
        for each in self._bound:
            each.close()

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a port, and keep the way: only an authenticated check leads here."""
        if self._current is not None and self._current[0] == remote_port:
            way = self._current[1]
            self._ways.setdefault(remote_port, way)
            way.by.proved(self._ends(way.by))
        self.connections.claim(remote_port, share, chosen=chosen)

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send to the browser by the way that its datagrams came. Nothing is sent to a port that has shown nothing."""
        self.send_all([datagram], remote_port)

    def send_all(self, datagrams: list[bytes], remote_port: int) -> None:
        """Send several datagrams, as `send` does."""
        way = self._way_to(remote_port)
        if way is None or way.by.closed:
            return
        way.by.send_all(datagrams, (way.host, remote_port))
        self.counters.sent_packets += len(datagrams)
        self.counters.sent_bytes += sum(map(len, datagrams))

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """The address that a datagram came from. Firefox takes no answer that says 127.0.0.1."""
        way = self._way_to(remote_port)
        return way.host if way is not None else HOST, remote_port

    def _way_to(self, remote_port: int) -> _Way | None:
        if self._current is not None and self._current[0] == remote_port:
            return self._current[1]
        return self._ways.get(remote_port)

    def received(self, data: bytes, addr: tuple[str, int], by: _BoundSocket) -> None:
        """Take a datagram that came from `addr`, host and port, by one of the sockets."""
        host, remote_port = addr
        if not self._is_own(host):
            self.connections.refuse(Refusal.FOREIGN_ADDRESS)
            return
        way = self._ways.get(remote_port)
        if way is None or way.by is not by or way.host != host:
            way = _Way(by, host)
        self._current = remote_port, way
        try:
            within = self.connections.received(data, remote_port)
        finally:
            self._current = None
        if not within:
            by.flooded(self._ends(by), (host, remote_port))

    def media_received(self, datagrams: list[bytes], addr: tuple[str, int], by: _BoundSocket) -> None:
        """Take SRTP and SRTCP that came together from `addr` by one of the sockets."""
        host, remote_port = addr
        way = self._ways.get(remote_port)
        if way is None or way.by is not by or way.host != host:
            for datagram in datagrams:
                self.received(datagram, addr, by)
        elif not self.connections.media_received(datagrams, remote_port):
            by.flooded(self._ends(by), addr)

    def _ends(self, by: _BoundSocket) -> list[tuple[Address, int]]:
        """Where the browser has proved itself, to one of the sockets."""
        return [(IPv4Address(way.host), port) for port, way in self._ways.items() if way.by is by]

    def lost(self, bound: _BoundSocket) -> None:
        """One of the sockets is gone; with the first, all connections are."""
        if bound is self._bound[0]:
            self.connections.lose_socket()

    def _is_own(self, host: str) -> bool:
        """Whether an address is this machine's: the kernel lets nobody bind another."""
        known = self._own.get(host)
        if known is None:
            if not self._probes.takes(time.monotonic()):
                return False
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((host, 0))
                    known = True
                except OSError:
                    known = False
            if len(self._own) < MAX_HOSTS:
                self._own[host] = known
        return known


class _Way(NamedTuple):
    """To the browser: by which socket, to which of this machine's addresses."""

    by: _BoundSocket
    host: str


class _BoundSocket(BurstProtocol):
    """One socket, on one of this machine's addresses."""

    def __init__(self, owner: LoopbackSocket, device: int | None) -> None:
        self._device = device
        self._filter: FloodFilter | None = None
        self.at: tuple[IPv4Address, int]
        "Address and port."

        self._owner = owner
        self._transport: BurstTransport

    @property
    def closed(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.abort()

    def send_all(self, datagrams: list[bytes], to: tuple[str, int]) -> None:
        self._transport.sendto_all(datagrams, to)

    def flooded(self, ends: list[tuple[Address, int]], end: tuple[str, int]) -> None:
        """More has come from there than any browser sends. These are the ends where ours has proved itself."""
        if self._filter is None:
            self._filter = FloodFilter(self._transport.get_extra_info("socket"), None, self._device)
        if not ends or end in [(str(address), port) for address, port in ends]:
            self._filter.be_deaf()
        elif not self._filter.keeps_out_ports:
            self._filter.keep_out_ports(ends)

    def proved(self, ends: list[tuple[Address, int]]) -> None:
        """The browser has proved itself at these ends."""
        if self._filter is not None and self._filter.keeps_out_ports:
            self._filter.keep_out_ports(ends)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(BurstTransport, transport)
        host, port = transport.get_extra_info("sockname")
        self.at = IPv4Address(host), port

    def connection_lost(self, exc: Exception | None) -> None:
        if self._filter is not None:
            self._filter.close()
        self._owner.lost(self)

    def media_received(self, datagrams: list[bytes], addr: tuple[str, int]) -> None:
        self._owner.media_received(datagrams, addr, self)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._owner.received(data, addr, self)

    def error_received(self, exc: Exception) -> None:
        logger.debug("a datagram could not be sent to the browser: %s", type(exc).__name__)


def _other_addresses() -> list[IPv4Address]:
    """This machine's addresses beside loopback, those first by which it reaches the internet."""
    machine = ThisMachine()
    try:
        default = default_devices(machine)
        devices = [device for device in machine.interfaces() if device.up and not device.loopback]
    except OverlayDown:
        return []
    devices.sort(key=lambda device: device.name not in default)
    found = [own.ip for device in devices for own in device.addresses if isinstance(own.ip, IPv4Address)]
    return [address for address in found if not address.is_link_local][:MAX_OTHER_ADDRESSES]


def _behind_loopback(address: IPv4Address) -> socket.socket | None:
    """A socket on this address that only this machine reaches; None where the system can't promise that."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        only_through_loopback(sock)
        sock.bind((str(address), 0))
    except OSError as error:
        logger.debug("no port for browsers on another address: %s", type(error).__name__)
        sock.close()
        return None
    return sock
