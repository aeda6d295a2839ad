"""The one UDP socket of a call. It is the choke point: every datagram of the call passes here, and only datagrams
from and to the other node's address do.

One call may try several connections at once, for a chat may hold forged responses beside the true one. They share
the socket, and what arrives is told apart: checks by the username in them, answers to checks by their transaction,
everything else by the remote port at which a connection has proved itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Protocol, Self, cast

from aioice import stun

from peer.overlay import Address
from peer.overlay.interfaces import device_number
from shared.errors import BadAddress, LocalProtocolError, OverlayDown, PortTaken

logger = logging.getLogger(__name__)

MAX_DATAGRAM = 1500
"Bytes. Nothing in a call is larger: Ethernet's MTU, as DTLS and SRTP senders assume it."

RECEIVE_BUFFER = 256 * 1024
"Bytes that the kernel keeps for us: half a second of the best video while the program is busy."

QUIET_SECONDS = 0.2
LEAVE_SECONDS = 0.75
"A socket that is left closes once nothing has come for the first, at the latest after the second."

BROADCAST = IPv4Address("255.255.255.255")


class Refusal(enum.StrEnum):
    """Why a datagram was dropped."""

    FOREIGN_ADDRESS = "foreign-address"
    "It came from another address than the other node's."

    EMPTY = "empty"
    OVERSIZED = "oversized"

    UNAUTHENTICATED = "unauthenticated"
    "A check for nobody here, or without the right password."

    UNEXPECTED = "unexpected"
    "Nothing that a connection of this socket waits for."

    EARLY = "early"
    "A check that came before any connection was tried here: the callee begins when it has answered."

    LATE = "late"
    "An answer to a check that isn't waited for any more, or what the other side sent before it knew of the end."

    OVERRUN = "overrun"
    "More than a connection could take in."


HONEST = frozenset({Refusal.EARLY, Refusal.LATE})
"An honest other side causes these as well, so there is nothing to tell people."


@dataclass(slots=True)
class SocketCounters:
    """What has passed a socket, and what hasn't."""

    received_packets: int = 0
    received_bytes: int = 0
    sent_packets: int = 0
    sent_bytes: int = 0

    refused: Counter[str] = field(default_factory=Counter)
    "Dropped datagrams, by Refusal."


class Share(Protocol):
    """One connection's share of the socket."""

    @property
    def username(self) -> str:
        """The ICE username fragment that checks for this connection begin with."""

    @property
    def transactions(self) -> dict[bytes, stun.Transaction]:
        """The connection's own checks that wait for an answer, by transaction id."""

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        """Take a check that names this connection; nothing about it is verified yet."""

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        """Take an answer to one of the connection's own checks; nothing about it is verified yet."""

    def payload_received(self, datagram: bytes) -> None:
        """Take a DTLS or SRTP datagram from a port at which this connection has proved itself."""

    def socket_lost(self) -> None:
        """The socket is gone."""


class OverlaySocket(asyncio.DatagramProtocol):
    """The call's socket, bound to our own overlay address, open to one other address."""

    def __init__(self, local: Address, remote: Address) -> None:
        self.local = local
        self.remote = remote
        self.port = 0
        "Our UDP port, once it is bound."

        self.counters = SocketCounters()
        self.after_loss = False
        "Whether a connection was lost: the other side may not know yet, and go on to send on it."

        self.stray: Callable[[str, Callable[[str], bool]], bool] | None = None
        """Asked about a check for no connection here: its username fragment, and whether it was made with a password.

        Returns whether it belongs to the call all the same. It gets an answer only if the connection that it is for has
        been registered meanwhile."""

        self._remote_host = _as_kernel_writes(remote)
        self._shares: dict[str, Share] = {}
        self._owners: dict[int, Share] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._late: asyncio.Event | None = None
        "Set when something comes while the socket is left; None before that."

        self._device: int | None = None
        "The number of the device that the socket is bound to; one that is made again has another."

        self._moving: asyncio.Future[None] | None = None
        "While the socket gives way to another: done when it is closed."

        self._over = False

    @classmethod
    async def open(
        cls,
        local: Address,
        remote: Address,
        *,
        interface: str | None,
        port: int = 0,
    ) -> Self:
        """Bind a socket to `local`, and to the device `interface` where the system allows it.

        `port` 0 lets the system choose. Raises BadAddress for addresses that no call can use, OverlayDown if the
        device is gone, PortTaken.
        """
        self = cls(local, remote)
        self.port = port
        await self._bind(interface)
        return self

    def stands(self, local: Address, remote: Address, interface: str | None) -> bool:
        """Whether the socket is where the overlay is: at its addresses, and on its device, not on one that is gone."""
        same = (local, remote) == (self.local, self.remote) and not self.closed
        return same and (self._device is None or self._device == device_number(interface))

    async def move(self, local: Address, remote: Address, interface: str | None) -> None:
        """Bind a new socket instead of the old one, with the same port, and keep all connections.

        Raises as `open` does; nothing can be sent then until it is moved again. Does nothing after `close`.
        """
        if self._over:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._moving = asyncio.get_running_loop().create_future()
            self._transport.abort()
            await self._moving
        self.local, self.remote = local, remote
        await self._bind(interface)

    async def _bind(self, interface: str | None) -> None:
        _refuse(self.local, self.remote)
        self._remote_host = _as_kernel_writes(self.remote)
        sock, self._device = _bound_socket(self.local, interface, self.port)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise
        if self._over:
            self.close()

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Close the socket at once; connections that still use it learn of it."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    async def leave(self) -> None:
        """Drop what the other side still sends until it is quiet, then close.

        A socket that is closed at once has the kernel answer the other side's last packets (RFC 1122, section 4.1.3.1),
        and the next program to get the same number receives them.
        """
        self._late = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while not self.closed:
                    self._late.clear()
                    async with asyncio.timeout(QUIET_SECONDS):
                        await self._late.wait()
        self.close()

    def register(self, share: Share) -> None:
        """Let checks for this connection in. Raises LocalProtocolError if another one has its username."""
        if share.username in self._shares:
            raise LocalProtocolError("Two connections of one call have the same credentials.")
        self._shares[share.username] = share

    def release(self, share: Share) -> None:
        """Forget a connection; the socket stays open for the others."""
        self._shares = {name: other for name, other in self._shares.items() if other is not share}
        self._owners = {port: other for port, other in self._owners.items() if other is not share}

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a remote port at which it has proved itself.

        The first connection to do so keeps it, unless another one has `chosen` that port for good.
        """
        if chosen:
            self._owners[remote_port] = share
        else:
            self._owners.setdefault(remote_port, share)

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send to the other node; there is no way to send anywhere else. Does nothing once the socket is closed."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.sendto(datagram, (self._remote_host, remote_port))
        self.counters.sent_packets += 1
        self.counters.sent_bytes += len(datagram)

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """Host and port of the other side, as ICE writes them into its answers."""
        return str(self.remote), remote_port

    def refuse(self, refusal: Refusal) -> None:
        """Count a datagram that is dropped. The sender gets no answer, as if nobody were here."""
        self.counters.refused[refusal] += 1

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._moving is not None:
            moving, self._moving = self._moving, None
            if not moving.done():
                moving.set_result(None)
            return
        for share in tuple(self._shares.values()):
            share.socket_lost()

    def error_received(self, exc: Exception) -> None:
        # For example no route while the overlay's device comes up again: the sender's own timers try again.
        logger.debug("a datagram could not be sent: %s", type(exc).__name__)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host, remote_port = addr[:2]
        if host != self._remote_host:
            return self.refuse(Refusal.FOREIGN_ADDRESS)
        if self._late is not None:
            self._late.set()
            return self.refuse(Refusal.LATE)
        if not data:
            return self.refuse(Refusal.EMPTY)
        if len(data) > MAX_DATAGRAM:
            return self.refuse(Refusal.OVERSIZED)
        self.counters.received_packets += 1
        self.counters.received_bytes += len(data)
        first = data[0]
        # RFC 7983, section 7.
        if first < 4:
            self._stun_received(data, remote_port)
        elif 20 <= first < 64 or 128 <= first < 192:
            self._payload_received(data, remote_port)
        else:
            self.refuse(Refusal.UNEXPECTED)
        return None

    def _stun_received(self, data: bytes, remote_port: int) -> None:
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            return self.refuse(Refusal.UNEXPECTED)
        if message.message_class is stun.Class.REQUEST:
            local_username, _, _ = message.attributes.get("USERNAME", "").partition(":")
            share = self._shares.get(local_username)
            if share is None:
                belongs = self._belongs_to_the_call(local_username, message)
                share = self._shares.get(local_username)
                if share is None and belongs:
                    return self.refuse(Refusal.LATE)
            if share is None:
                return self.refuse(Refusal.UNAUTHENTICATED if self._shares else Refusal.EARLY)
            return share.check_received(message, remote_port)
        for share in self._shares.values():
            if message.transaction_id in share.transactions:
                return share.answer_received(message, remote_port)
        answer = message.message_class in (stun.Class.RESPONSE, stun.Class.ERROR)
        return self.refuse(Refusal.LATE if answer else Refusal.UNEXPECTED)

    def _belongs_to_the_call(self, username: str, check: stun.Message) -> bool:
        return self.stray is not None and self.stray(
            username, lambda password: check.check_message_integrity(password.encode())
        )

    def _payload_received(self, data: bytes, remote_port: int) -> None:
        share = self._owners.get(remote_port)
        if share is None:
            self.refuse(Refusal.LATE if self.after_loss else Refusal.UNEXPECTED)
        else:
            share.payload_received(data)


def _refuse(local: Address, remote: Address) -> None:
    if local.version != remote.version:
        raise BadAddress("The overlay gave addresses of two different IP versions.")
    for address in (local, remote):
        if address.is_unspecified or address.is_multicast or address == BROADCAST:
            raise BadAddress()


def _as_kernel_writes(address: Address) -> str:
    """So that a comparison of strings is one of addresses."""
    return socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, address.packed)


def _bound_socket(local: Address, interface: str | None, port: int) -> tuple[socket.socket, int | None]:
    """The socket, and the number of the device that it is bound to."""
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
    """The device's number, or None where the system doesn't allow it."""
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
