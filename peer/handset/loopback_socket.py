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
"How many addresses are remembered. All of 127.0.0.0/8 belongs to this machine, so there must be a limit."

PROBES = Limit(at_once=MAX_HOSTS, per_second=10.0)
"The limit for new addresses, because checking each takes a socket. A browser has two or three."

MAX_OTHER_ADDRESSES = 4
"How many of this machine's other addresses Firefox is offered. Usually it only needs that of the default route."


class LoopbackSocket:
    """A socket on 127.0.0.1 that accepts datagrams from this machine's addresses, and from no others.

    Chromium sends to 127.0.0.1 from its network card's address. The way back is kept here, by the browser's port
    number.

    Firefox neither sends to 127.0.0.1 nor accepts anything from there. For Firefox there are sockets on the machine's
    other addresses, with a filter that accepts only packets from the loopback device.
    """

    local: Address = LOOPBACK
    remote: Address = LOOPBACK

    def __init__(self) -> None:
        self.connections = Connections()
        self.counters = self.connections.counters
        self._bound: list[_BoundSocket] = []
        "The first socket is on 127.0.0.1."

        self._own: dict[str, bool] = {}
        self._probes = Bucket(PROBES)
        self._ways: dict[int, _Way] = {}
        """The way to the browser, by its port. It is set once the browser has shown that it knows the connection's
        password."""

        self._current: tuple[int, _Way] | None = None
        "While a datagram is handled: the browser's port from which it came, and the way back."

    @classmethod
    async def listen(cls) -> LoopbackSocket:
        """Bind free ports. Raises OverlayError if 127.0.0.1 has none."""
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
        """`device` is the number of the only device that its filter accepts."""
        self._bound.append(in_bursts(sock, _BoundSocket(self, device)))

    @property
    def port(self) -> int:
        """The UDP port on 127.0.0.1."""
        return self._bound[0].at[1]

    @property
    def listening(self) -> list[tuple[IPv4Address, int]]:
        """The addresses and ports to which a browser may send, 127.0.0.1 first."""
        return [each.at for each in self._bound]

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._bound[0].closed

    def close(self) -> None:
        """Close all sockets at once. Connections that still use them are notified."""
        for each in self._bound:
            each.close()

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a port's datagrams to a connection, and remember the way back.

        Only an authenticated check leads here.
        """
        if self._current is not None and self._current[0] == remote_port:
            way = self._current[1]
            self._ways.setdefault(remote_port, way)
            way.by.proved(self._ends(way.by))
        self.connections.claim(remote_port, share, chosen=chosen)

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send to the browser by the way on which its datagrams came. Without such a way, nothing is sent."""
        self.send_all([datagram], remote_port)

    def send_all(self, datagrams: list[bytes], remote_port: int) -> None:
        """Send several datagrams, see `send`."""
        way = self._way_to(remote_port)
        if way is None or way.by.closed:
            return
        way.by.send_all(datagrams, (way.host, remote_port))
        self.counters.sent_packets += len(datagrams)
        self.counters.sent_bytes += sum(map(len, datagrams))

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """The address from which a datagram came. Firefox accepts no answer that names 127.0.0.1."""
        way = self._way_to(remote_port)
        return way.host if way is not None else HOST, remote_port

    def _way_to(self, remote_port: int) -> _Way | None:
        if self._current is not None and self._current[0] == remote_port:
            return self._current[1]
        return self._ways.get(remote_port)

    def received(self, data: bytes, addr: tuple[str, int], by: _BoundSocket) -> None:
        """Take a datagram that came from `addr` (host and port) through one of the sockets."""
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
        """Take SRTP and SRTCP packets that came together from `addr` through one of the sockets."""
        host, remote_port = addr
        way = self._ways.get(remote_port)
        if way is None or way.by is not by or way.host != host:
            for datagram in datagrams:
                self.received(datagram, addr, by)
        elif not self.connections.media_received(datagrams, remote_port):
            by.flooded(self._ends(by), addr)

    def _ends(self, by: _BoundSocket) -> list[tuple[Address, int]]:
        """The ends at which the browser has proved itself to one of the sockets."""
        return [(IPv4Address(way.host), port) for port, way in self._ways.items() if way.by is by]

    def lost(self, bound: _BoundSocket) -> None:
        """Note that one of the sockets is gone. Without the first one, all connections are lost."""
        if bound is self._bound[0]:
            self.connections.lose_socket()

    def _is_own(self, host: str) -> bool:
        """Whether an address is this machine's. The kernel lets nobody bind another one."""
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
    """A way to the browser: through which socket, to which of this machine's addresses."""

    by: _BoundSocket
    host: str


class _BoundSocket(BurstProtocol):
    """A socket on one of this machine's addresses."""

    def __init__(self, owner: LoopbackSocket, device: int | None) -> None:
        self._device = device
        self._filter: FloodFilter | None = None
        self.at: tuple[IPv4Address, int]
        "Its address and port."

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
        """Limit a flood: more has come from `end` than any browser sends.

        `ends` are where our browser has proved itself.
        """
        if self._filter is None:
            self._filter = FloodFilter(self._transport.get_extra_info("socket"), None, self._device)
        if not ends or end in [(str(address), port) for address, port in ends]:
            self._filter.be_deaf()
        elif not self._filter.keeps_out_ports:
            self._filter.keep_out_ports(ends)

    def proved(self, ends: list[tuple[Address, int]]) -> None:
        """Note that the browser has proved itself at these ends."""
        if self._filter is not None and self._filter.keeps_out_ports:
            self._filter.keep_out_ports(ends)

    # Called by asyncio.

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
    """This machine's addresses besides loopback. Those that reach the internet come first."""
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
    """A socket on this address that only this machine can reach. None if the system can't guarantee that."""
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
