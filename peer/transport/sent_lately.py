"""The packets of pictures that a relay has sent lately, for the other side to ask for again (RFC 4585). Pure.

The page that they came from can't send them again: they have arrived here, and SRTP drops what comes twice (RFC 3711,
section 3.3.2).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

from peer.transport.profile import VIDEO_PAYLOAD_TYPE
from peer.transport.send_path import parts
from shared.rate import Bucket, Limit

KEPT = 512
"Packets: three seconds of the best picture, or 600 kB."

UNSORTED = KEPT + 150
"With the packets of sound in that time."

SHARE, MOST_CREDIT = 0.25, 32 * 1024
"""Of the bytes of pictures, the part that may be sent again, and how many of them at once. Where more than that is lost
the path is full, and sound has to pass it too: then only the page is asked, and notices."""

NAMED = Limit(at_once=2 * KEPT, per_second=2 * KEPT)
"""Packets that may be named. Each takes as long whether it is here or not, and a report in a full datagram can name six
thousand.
"""

RTPFB, GENERIC_NACK = 205, 1
"RTCP packet type and format (RFC 4585, sections 6.1 and 6.2.1)."

HEADER = 12
"Bytes before the packets that are named, four for each seventeen."

_NAMED = struct.Struct("!HH")


class SentLately:
    """Of one leg, encrypted as they were."""

    def __init__(self) -> None:
        self.datagrams = [b""] * KEPT
        "Each at its sequence number's remainder when divided by KEPT."

        self.credit = 0.0
        "Bytes that may be sent again."

        self.unsorted: deque[bytes] = deque(maxlen=UNSORTED)
        "What was sent since, in its order, sound as well: a relay looks into none of it before somebody asks."

        self._named = Bucket(NAMED)

    def sent(self, datagram: bytes) -> None:
        """Keep one of a picture, of at least 12 bytes."""
        self.sort()
        self._keep(datagram)

    def sort(self) -> None:
        """Keep those of `unsorted` that are of a picture."""
        for datagram in self.unsorted:
            if datagram[1] & 0x7F == VIDEO_PAYLOAD_TYPE:
                self._keep(datagram)
        self.unsorted.clear()

    def asked(self, packet: bytes, now: float) -> tuple[list[bytes], bytes]:
        """What is to be sent again because a decrypted RTCP packet asks for it, and what else the packet says. `now` is
        in seconds of a clock that never goes back.
        """
        again: list[bytes] = []
        left: list[bytes] = []
        for part in parts(packet):
            if len(part) < HEADER or part[1] != RTPFB or part[0] & 0x1F != GENERIC_NACK:
                left.append(part)
                continue
            if not self._named.takes(now, _count(part)):
                left.append(part)
                continue
            self.sort()
            wanted = dict.fromkeys(_named(part))
            here = [datagram for number in wanted if (datagram := self._kept(part[8:12], number))]
            size = sum(map(len, here))
            if size > self.credit:
                left.append(part)
                continue
            self.credit -= size
            again += here
            if len(here) < len(wanted):
                left.append(part)
        return again, b"".join(left) if again else packet

    def _keep(self, datagram: bytes) -> None:
        self.datagrams[(datagram[2] << 8 | datagram[3]) % KEPT] = datagram
        self.credit = min(MOST_CREDIT, self.credit + len(datagram) * SHARE)

    def _kept(self, ssrc: bytes, number: int) -> bytes:
        datagram = self.datagrams[number % KEPT]
        return datagram if datagram[8:12] == ssrc and datagram[2:4] == number.to_bytes(2, "big") else b""


def _count(nack: bytes) -> int:
    """How many packets it names."""
    return sum(1 + others.bit_count() for _, others in _entries(nack))


def _named(nack: bytes) -> list[int]:
    """Sequence numbers."""
    found = []
    for first, others in _entries(nack):
        found += [first, *((first + 1 + bit) % 2**16 for bit in range(16) if others >> bit & 1)]
    return found


def _entries(nack: bytes) -> Iterator[tuple[int, int]]:
    """A sequence number each, and a bit for each of the sixteen after it."""
    return _NAMED.iter_unpack(nack[HEADER : len(nack) - len(nack) % _NAMED.size])
