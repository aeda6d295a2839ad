"""A call's socket for an end that measures many calls at once: what it does with media costs it as little as can be.

Media that has arrived stays encrypted, and the time of its arrival is the kernel's (SO_TIMESTAMPNS, socket(7)): when a
busy end gets round to a packet says nothing about the packet. What is to be sent can be kept, so that it is encrypted
before and sent when it is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, Self, cast

from peer.overlay import Address
from peer.transport.connections import MAX_DATAGRAM
from peer.transport.rtp_packets import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from peer.transport.udp_socket import OverlaySocket

SO_TIMESTAMPNS = 35
"Linux's number; Python has no name for it."

TIMESPEC = struct.Struct("@qq")
ANCILLARY_BYTES = socket.CMSG_SPACE(TIMESPEC.size)

BUFFER = 1 << 20
"Bytes that the kernel keeps while this end is busy, as far as it allows."

AT_ONCE = 32
"Packets that are read before somebody else has a turn."


class TimedSocket(OverlaySocket):
    """The socket of one leg. ICE and DTLS work as in any other."""

    def __init__(self, local: Address, remote: Address, sock: socket.socket) -> None:
        super().__init__(local, remote)
        self.arrivals: list[tuple[bytes, float]] | None = None
        "Where SRTP packets go with the time of their arrival, in seconds of the system's clock; None lets them pass."

        self._socket = sock
        self._kept: list[tuple[bytes, tuple[str, int]]] | None = None
        self._closing = False

    @classmethod
    async def listen(cls, local: Address, remote: Address) -> Self:
        """Bind a free port of `local`, an IPv4 address on loopback."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind((str(local), 0))
        self = cls(local, remote, sock)
        asyncio.get_running_loop().add_reader(sock, self._read)
        self.connection_made(cast(asyncio.BaseTransport, self))
        return self

    @contextlib.contextmanager
    def keeping(self) -> Iterator[list[tuple[bytes, tuple[str, int]]]]:
        """Keep what is sent in this block, each datagram with where it belongs."""
        self._kept = []
        try:
            yield self._kept
        finally:
            self._kept = None

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            try:
                datagram, ancillary, _, address = self._socket.recvmsg(MAX_DATAGRAM + 1, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            if self.arrivals is None or not 128 <= datagram[0] < 192:
                self.datagram_received(datagram, address)
            elif not FIRST_RTCP_TYPE <= datagram[1] <= LAST_RTCP_TYPE:
                seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
                self.arrivals.append((datagram, seconds + nanoseconds / 1e9))

    # As much of a BurstTransport as a port uses.

    def get_extra_info(self, name: str) -> Any:
        return {"sockname": self._socket.getsockname(), "socket": None}[name]

    def is_closing(self) -> bool:
        return self._closing

    def sendto_all(self, datagrams: list[bytes], address: tuple[str, int]) -> None:
        """Send several, as `sendto` does."""
        for datagram in datagrams:
            self.sendto(datagram, address)

    def sendto(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send now, or keep. What a full buffer refuses is lost, and counts as lost."""
        if self._kept is not None:
            self._kept.append((datagram, address))
            return
        with contextlib.suppress(BlockingIOError):
            self._socket.sendto(datagram, address)

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self.connection_lost(None)
