"""A UDP socket in the event loop that reads all media that is there in one turn.

asyncio's own reads one datagram a turn, each into 256 KiB that it allocates for it: longer than a relay needs for all
the rest. Nobody closes this one softly: what waits to be sent is media or will be sent again.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, TypeVar

from peer.transport.connections import MAX_DATAGRAM, MEDIA_BEGINS, MEDIA_ENDS

MEDIA = frozenset(range(MEDIA_BEGINS, MEDIA_ENDS))
"First bytes of SRTP and SRTCP."

P = TypeVar("P", bound="BurstProtocol")

AT_ONCE = 32
"Datagrams that are read before others of the event loop have a turn."

ROOM = MAX_DATAGRAM + 1
"Bytes that are read of one: one more than the largest that is taken shows what is larger."

MAX_WAITING = 4096
"Datagrams that wait while the kernel takes no more. One that comes then is lost, as on the way."


class BurstProtocol(asyncio.DatagramProtocol):
    """What takes datagrams: media that came together from one address, and everything else one by one."""

    def media_received(self, datagrams: list[bytes], addr: Any) -> None:
        """Take datagrams of SRTP and SRTCP, at least one."""
        for datagram in datagrams:
            self.datagram_received(datagram, addr)


class BurstTransport(asyncio.DatagramTransport):
    """What reads and sends for a protocol, as asyncio's own does."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: BurstProtocol,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        """`sock` is bound and doesn't block."""
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._sock = sock
        self._rooms = (ROOM,) * at_once
        self._most_waiting = most_waiting
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._closing = False
        self._loop.add_reader(sock, self._read)
        protocol.connection_made(self)

    def is_closing(self) -> bool:
        """Whether it is closed; nothing is sent then."""
        return self._closing

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram to a host and port."""
        self.sendto_all([data], addr)

    def sendto_all(self, datagrams: list[bytes], addr: Any) -> None:
        """Send several datagrams to one host and port."""
        send, waiting = self._sock.sendto, self._waiting
        for datagram in datagrams:
            try:
                if not waiting:
                    send(datagram, addr)
                    continue
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._sock, self._write)
            except OSError as error:
                self._protocol.error_received(error)
                continue
            if len(waiting) < self._most_waiting:
                waiting.append((datagram, addr))

    def close(self) -> None:
        """Close at once; the protocol learns of it in the next turn of the loop."""
        self.abort()

    def abort(self) -> None:
        """Close at once; the protocol learns of it in the next turn of the loop."""
        if self._closing:
            return
        self._closing = True
        self._waiting.clear()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._loop.call_soon(self._closed)

    def _closed(self) -> None:
        try:
            self._protocol.connection_lost(None)
        finally:
            self._sock.close()

    def _read(self) -> None:
        media: list[bytes] = []
        sender = address = None
        other: bytes | None = None
        try:
            for data, address in map(self._sock.recvfrom, self._rooms):
                if not data or data[0] not in MEDIA or (address != sender and media):
                    other = data
                    break
                sender = address
                media.append(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._protocol.error_received(error)
        if media:
            self._taken(media, None, sender)
        if other is not None:
            self._taken([], other, address)

    def _taken(self, media: list[bytes], other: bytes | None, sender: Any) -> None:
        """Hand over what was read: media, and then what isn't media."""
        if media and not self._closing:
            self._protocol.media_received(media, sender)
        # What a check or a record sets off in the event loop comes before the next datagram.
        if other is not None and not self._closing:
            self._protocol.datagram_received(other, sender)

    def _write(self) -> None:
        while self._waiting:
            try:
                self._sock.sendto(*self._waiting[0])
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._protocol.error_received(error)
            self._waiting.popleft()
        self._loop.remove_writer(self._sock)


def in_bursts(sock: socket.socket, protocol: P) -> P:
    """Read and send for this protocol on a bound socket that doesn't block, until its transport is closed."""
    BurstTransport(sock, protocol)
    return protocol
