"""When packets of sound arrive at a host: the pauses between them, as the program there gets them.

SRTP encrypts only what comes after the RTP header (RFC 3711, section 3.1), so the payload type can be read.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from peer.transport.profile import PAYLOAD_TYPES
from tests.network.capture import ETH_P_ALL, SO_RCVBUFFORCE
from tests.network.namespaces import Namespace

SO_TIMESTAMPNS = 35
"asm-generic/socket.h: the kernel notes when a packet arrived, whenever it is read."

TIME = struct.Struct("=qq")
"struct timespec."

IPV6_HEADER = 40
UDP_HEADER = 8
RTP_VERSION = 2
QUEUE_BYTES = 16 << 20


@dataclass
class SoundPauses:
    """The packets that have arrived so far."""

    arrivals: list[float] = field(default_factory=list)
    "Unix seconds."

    def longest(self, since: float, until: float) -> float:
        """The longest pause in seconds that overlaps this time."""
        pauses = itertools.pairwise(self.arrivals)
        return max(after - before for before, after in pauses if since <= after and before <= until)


@contextmanager
def sound_pauses(host: Namespace, device: str) -> Iterator[SoundPauses]:
    """Note each packet of sound that arrives on an overlay's device without a link layer, during the block."""
    seen = SoundPauses()
    loop = asyncio.get_running_loop()
    with host.open_socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as packets:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES)
        packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        packets.bind((device, ETH_P_ALL))

        def arrived() -> None:
            while True:
                try:
                    packet, [(_, _, when)], _, (_, _, kind, *_) = packets.recvmsg(2048, socket.CMSG_SPACE(TIME.size))
                except BlockingIOError:
                    return
                if kind != socket.PACKET_OUTGOING and _is_sound(packet):
                    seconds, nanoseconds = TIME.unpack(when)
                    seen.arrivals.append(seconds + nanoseconds / 1e9)

        loop.add_reader(packets, arrived)
        try:
            yield seen
        finally:
            loop.remove_reader(packets)


def _is_sound(packet: bytes) -> bool:
    if packet[6] != socket.IPPROTO_UDP:
        return False
    rtp = packet[IPV6_HEADER + UDP_HEADER :]
    return len(rtp) > 12 and rtp[0] >> 6 == RTP_VERSION and rtp[1] & 0x7F == PAYLOAD_TYPES["audio"]
