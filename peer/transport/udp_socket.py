"""The one UDP port of a call. Every datagram of the call passes here, and only those from and to the other node do.

connections.py decides which of the call's connections a datagram is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Self, cast

from peer.overlay import Address
from peer.overlay.addresses import as_kernel_writes
from peer.overlay.interfaces import device_number
from peer.transport.bursts import BurstProtocol, BurstTransport, in_bursts
from peer.transport.connected_socket import ConnectedTransport, connected_socket
from peer.transport.connections import Connections, Refusal, Share
from peer.transport.flood_filter import FloodFilter
from shared.errors import BadAddress, OverlayDown, PortTaken
from shared.rate import Bucket, Limit

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 256 * 1024
"Bytes that the kernel keeps while the program is busy: half a second of the best video."

FOREIGN = Limit(at_once=1_000, per_second=100.0)
"""How many datagrams from other addresses are read and counted. Beyond that the kernel drops them uncounted: 20,000 a
second would take the event loop, and the receive buffer, from the datagrams of the call."""

QUIET_SECONDS = 0.2
LEAVE_SECONDS = 0.75
"A socket that is left (`leave`) closes once nothing has come for QUIET_SECONDS, after LEAVE_SECONDS at the latest."

BROADCAST = IPv4Address("255.255.255.255")


class OverlaySocket(BurstProtocol):
    """The call's socket: bound to our own overlay address, and open to the other node's address only."""

    def __init__(self, local: Address, remote: Address) -> None:
        self.local = local
        self.remote = remote
        self.port = 0
        "Our UDP port, once it is bound."

        self.connections = Connections()
        self.counters = self.connections.counters
        self._remote_host = as_kernel_writes(remote)
        self._transport: BurstTransport | None = None
        self._sendto_all: Callable[[list[bytes], tuple[str, int]], None] | None = None
        "The transport's method, while it is open."

        self._chosen: _ChosenPort | None = None
        "The port of the other side that has a socket of its own here."

        self._late: asyncio.Event | None = None
        "Set when something arrives after `leave` was called; None before that."

        self._device: int | None = None
        """The number of the network device that the socket is bound to. A device that is created again has another
        number."""

        self._moving: asyncio.Future[None] | None = None
        "While `move` replaces the socket: done when the old one is closed."

        self._foreign = Bucket(FOREIGN)
        self._filter: FloodFilter | None = None
        "The filter on the open socket, once something floods it."

        self._over = False

    @classmethod
    async def open(
        cls,
        local: Address,
        remote: Address,
        *,
        interface: str | None,
        port: int = 0,
        connections: Connections | None = None,
    ) -> Self:
        """Bind a socket to the address `local`, and to the network device `interface` where the system allows it.

        `port` is our UDP port, 0: the system chooses. `connections` share the socket. Raises BadAddress for addresses
        that no call can use, OverlayDown if the device is gone, PortTaken.
        """
        self = cls(local, remote)
        if connections is not None:
            self.connections, self.counters = connections, connections.counters
        self.port = port
        await self._bind(interface)
        return self

    def stands(self, local: Address, remote: Address, interface: str | None) -> bool:
        """Whether the socket is open at these addresses and on this device.

        A device that was created again since is another one.
        """
        same = (local, remote) == (self.local, self.remote) and not self.closed
        return same and (self._device is None or self._device == device_number(interface))

    async def move(self, local: Address, remote: Address, interface: str | None) -> None:
        """Replace the socket by one that is bound to other addresses. The port and all connections stay.

        Raises as `open` does; then nothing can be sent until the next `move`. Does nothing after `close`.
        """
        if self._over:
            return
        chosen = None if self._chosen is None else self._chosen.port
        if self._transport is not None and not self._transport.is_closing():
            self._moving = asyncio.get_running_loop().create_future()
            self._sendto_all = None
            self._disconnect()
            self._transport.abort()
            await self._moving
        self.local, self.remote = local, remote
        await self._bind(interface)
        if chosen is not None:
            self._connect(chosen)

    async def _bind(self, interface: str | None) -> None:
        _refuse(self.local, self.remote)
        self._remote_host = as_kernel_writes(self.remote)
        sock, self._device = bound_socket(self.local, interface, self.port)
        in_bursts(sock, self)
        if self._over:
            self.close()

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Close the socket at once. Connections that still use it learn that it is gone."""
        self._over = True
        self._sendto_all = None
        self._disconnect()
        if self._transport is not None:
            self._transport.abort()

    async def leave(self) -> None:
        """Drop what the other side still sends until it is quiet, then close.

        If a socket is closed at once, the kernel answers the other side's last packets with errors (RFC 1122, section
        4.1.3.1), and a program that gets the same port number receives them.
        """
        self._late = asyncio.Event()
        self._disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while not self.closed:
                    self._late.clear()
                    async with asyncio.timeout(QUIET_SECONDS):
                        await self._late.wait()
        self.close()

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a remote UDP port, see Connections.claim."""
        self.connections.claim(remote_port, share, chosen=chosen)
        if chosen:
            self._connect(remote_port)
        if self._filter is not None and self._filter.keeps_out_ports:
            self._filter.keep_out_ports(self._proved)

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send a datagram to that UDP port of the other node; nothing can be sent anywhere else.

        Does nothing once the socket is closed.
        """
        self.send_all([datagram], remote_port)

    def send_all(self, datagrams: list[bytes], remote_port: int) -> None:
        """Send several datagrams, as `send` does."""
        chosen = self._chosen
        send = self._sendto_all if chosen is None or chosen.port != remote_port else chosen.sendto_all
        if send is None:
            return
        send(datagrams, (self._remote_host, remote_port))
        counters = self.counters
        counters.sent_packets += len(datagrams)
        counters.sent_bytes += sum(map(len, datagrams))

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """Host and port of the other side at that UDP port, as ICE writes them into its answers."""
        return str(self.remote), remote_port

    def _connect(self, remote_port: int) -> None:
        """Give the other side's chosen port a socket of its own. Where the kernel has none, the first one stays."""
        if self._chosen is not None and self._chosen.port == remote_port:
            return
        self._disconnect()
        first = self._transport
        if first is None or first.is_closing() or self._late is not None:
            return
        sock: socket.socket | None = first.get_extra_info("socket")
        if sock is None:
            return
        try:
            sock, early = connected_socket(sock, (self._remote_host, remote_port))
        except OSError as error:
            logger.info("a call's socket can't be connected: %s", error.strerror)
            return
        self._chosen = _ChosenPort(self, sock, first, remote_port)
        for datagram, address in early:
            self.datagram_received(datagram, address[:2])

    def _disconnect(self) -> None:
        chosen, self._chosen = self._chosen, None
        if chosen is not None:
            chosen.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(BurstTransport, transport)
        self._sendto_all = self._transport.sendto_all
        self.port = transport.get_extra_info("sockname")[1]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._filter is not None:
            self._filter.close()
            self._filter = None
        if self._moving is not None:
            moving, self._moving = self._moving, None
            if not moving.done():
                moving.set_result(None)
            return
        self.connections.lose_socket()

    def error_received(self, exc: Exception) -> None:
        # For example no route while the overlay's device comes up again: the sender's own timers try again.
        logger.debug("a datagram could not be sent: %s", type(exc).__name__)

    def media_received(self, datagrams: list[bytes], addr: tuple[str, int]) -> None:
        if addr[0] != self._remote_host or self._late is not None:
            super().media_received(datagrams, addr)
        elif not self.connections.media_received(datagrams, addr[1]):
            self._flooded(addr[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        remote_port = addr[1]
        if addr[0] != self._remote_host:
            if not self._foreign.takes(time.monotonic()) and not self._kernel.keeps_out_foreign:
                self._kernel.keep_out_foreign()
            self.connections.refuse(Refusal.FOREIGN_ADDRESS)
            return
        if self._late is not None:
            self._late.set()
            self.connections.refuse(Refusal.LATE)
            return
        if not self.connections.received(data, remote_port):
            self._flooded(remote_port)

    def _flooded(self, remote_port: int) -> None:
        """We are flooded from that port of the other node's address: let the kernel drop more of it, where it can."""
        if self._chosen is not None and remote_port == self._chosen.port:
            self._chosen.filter.be_deaf()
        elif not self.connections.ports or remote_port in self.connections.ports:
            self._kernel.be_deaf()
        elif not self._kernel.keeps_out_ports:
            self._kernel.keep_out_ports(self._proved)

    @property
    def _kernel(self) -> FloodFilter:
        if self._filter is None:
            assert self._transport is not None
            self._filter = FloodFilter(self._transport.get_extra_info("socket"), self.remote)
        return self._filter

    @property
    def _proved(self) -> list[tuple[Address, int]]:
        return [(self.remote, port) for port in self.connections.ports]


class _ChosenPort(BurstProtocol):
    """The chosen port of the other side, and the socket that is connected to it."""

    def __init__(self, whole: OverlaySocket, sock: socket.socket, first: BurstTransport, port: int) -> None:
        self.port = port
        self.filter = FloodFilter(sock, None)
        self._whole = whole
        self._sock = sock
        self._transport = ConnectedTransport(sock, self, first)
        self.sendto_all = self._transport.sendto_all

    def close(self) -> None:
        """Close the socket at once: another one may be made at this port in the same turn of the event loop."""
        self.filter.close()
        self._transport.abort()
        self._sock.close()

    # What asyncio calls.

    def media_received(self, datagrams: list[bytes], addr: tuple[str, int]) -> None:
        self._whole.media_received(datagrams, addr)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._whole.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        self._whole.error_received(exc)


def _refuse(local: Address, remote: Address) -> None:
    if local.version != remote.version:
        raise BadAddress("The overlay gave addresses of two different IP versions.")
    for address in (local, remote):
        if address.is_unspecified or address.is_multicast or address == BROADCAST:
            raise BadAddress()


def bound_socket(local: Address, interface: str | None, port: int) -> tuple[socket.socket, int | None]:
    """A bound UDP socket, and the number of its network device, None: it is bound to none.

    Raises as OverlaySocket.open.
    """
    device = None
    sock = socket.socket(socket.AF_INET if local.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if local.version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if interface is not None:
            device = _bind_to_device(sock, interface)
        _bind(sock, local, port)
    except BaseException:
        sock.close()
        raise
    return sock, device


def _bind_to_device(sock: socket.socket, interface: str) -> int | None:
    """Bind to a device and return its number; None where the system doesn't allow it. Raises OverlayDown."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except PermissionError:
        # Linux before 5.7 allows it to root only. The address alone then decides, as it does on other systems.
        logger.debug("not allowed to bind to a device")
        return None
    except OSError as error:
        raise OverlayDown(f"The overlay's network device {interface} isn't there.") from error
    return device_number(interface)


def _bind(sock: socket.socket, local: Address, port: int) -> None:
    try:
        sock.bind((str(local), port))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(f"Another program has the UDP port {port} by now.") from error
        raise BadAddress("The overlay gave an own address that this machine doesn't have.") from error
