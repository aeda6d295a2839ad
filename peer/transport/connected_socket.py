"""A second socket at a call's own UDP port, connected to the one port of the other side that was chosen.

For a connected socket the kernel looks up the route once, not for each datagram, and we needn't read where a datagram
came from: that takes a tenth off what a relay costs. Nothing from elsewhere reaches it, so a flood of others can't fill
its buffer. What comes from elsewhere still reaches the first socket.
"""

from __future__ import annotations

import contextlib
import socket

from peer.transport.bursts import MEDIA, BurstProtocol, BurstTransport
from peer.transport.connections import MAX_DATAGRAM

Early = list[tuple[bytes, tuple[str, int]]]
"Datagrams with where they came from."

MOST_EARLY = 1_024
"How many of those that came before the socket was connected are read: more than its buffer holds."

DEVICE_NAME = 16
"Bytes of a network device's name: IFNAMSIZ of Linux."


def connected_socket(first: socket.socket, to: tuple[str, int]) -> tuple[socket.socket, Early]:
    """A socket at the address, port and network device of `first`, connected `to` a host and port.

    Returns it with what came to it before it was connected, from wherever. Raises OSError if the kernel doesn't have
    two sockets at one port. Only in this moment may another one of the same user join them (socket(7), SO_REUSEPORT).
    """
    with contextlib.ExitStack() as undo:
        second = undo.enter_context(socket.socket(first.family, first.type))
        second.setblocking(False)
        buffer = first.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles what it is given
        second.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if first.family == socket.AF_INET6:
            second.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device := first.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE_NAME):
            second.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        try:
            for each in (first, second):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            second.bind(first.getsockname())
            second.connect(to)
        finally:
            for each in (first, second):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
        early = _waiting(second)
        undo.pop_all()  # the caller closes it
    return second, early


def _waiting(sock: socket.socket) -> Early:
    """What has arrived."""
    early: Early = []
    try:
        while len(early) < MOST_EARLY:
            early.append(sock.recvfrom(MAX_DATAGRAM + 1))
    except (BlockingIOError, ConnectionRefusedError):
        pass
    return early


class ConnectedTransport(BurstTransport):
    """Reads and sends by a connected socket. What can't be sent by it goes by the first socket."""

    def __init__(self, sock: socket.socket, protocol: BurstProtocol, first: BurstTransport) -> None:
        """`sock` is connected and doesn't block; `first` is the transport at the same port."""
        self._first = first
        self._other_side = sock.getpeername()[:2]
        super().__init__(sock, protocol)

    def sendto_all(self, datagrams: list[bytes], addr: tuple[str, int]) -> None:
        """Send several datagrams to the host and port that the socket is connected to."""
        send = self._sock.send
        for datagram in datagrams:
            try:
                send(datagram)
            except OSError:
                # The kernel is busy, or it tells here that an earlier one was refused. Anybody can say that by ICMP.
                self._first.sendto(datagram, addr)

    def _read(self) -> None:
        media: list[bytes] = []
        other: bytes | None = None
        try:
            for data in map(self._sock.recv, self._rooms):
                if not data or data[0] not in MEDIA:
                    other = data
                    break
                media.append(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._protocol.error_received(error)
        self._taken(media, other, self._other_side)
