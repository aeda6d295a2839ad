"""The packets of pictures that a relay has sent lately, for the other side to ask for again (RFC 4585). Pure.

The page that they came from can't send them again: they have arrived here, and SRTP drops what comes twice (RFC 3711,
section 3.3.2).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from peer.transport.profile import VIDEO_PAYLOAD_TYPE
from peer.transport.send_path import is_feedback, parts
from peer.transport.transport_cc import transport_number
from shared.rate import Bucket, Limit

KEPT = 512
"Packets: three seconds of the best picture, or 600 kB."

UNSORTED = KEPT + 150
"With the packets of sound in that time."

SHARE, MOST_CREDIT = 0.25, 32 * 1024
"""Of the bytes of pictures, the part that may be sent again, and how many of them at once. Where more than that is lost
the path is full, and sound has to pass it too: then only the page is asked, and notices."""

FULL = 0.5
"The part of the packets: where more is reported as lost the path is full, and what is sent again fills it more."

NAMED = Limit(at_once=2 * KEPT, per_second=2 * KEPT)
"""Packets that may be named. Each takes as long whether it is here or not, and a report in a full datagram can name six
thousand.
"""

RTPFB, GENERIC_NACK = 205, 1
PSFB, PICTURE_LOSS = 206, 1
"RTCP packet types and formats (RFC 4585, sections 6.1, 6.2.1 and 6.3.1)."

DARK_SECONDS = 10.0
"""After the dark, in which it may be asked for what was sent then. A receiver does that until it has a whole picture;
sequence numbers begin again after some minutes."""

WHOLE_SECONDS = 1.0
"Between two requests for a whole picture instead: the first one, or the picture, may have been lost."

PAUSED_SECONDS = 1.0
"""Without a packet of a picture for so long it is paused. A receiver asks for what it misses until a whole picture
comes, and the next one is whole. A page would send all of it again, for nothing, and its browser would count it as
lost; what is sent again from here would fill a path that has just turned out to be narrow."""

PADDING = 0x20
"""Set in the first byte of an RTP packet (RFC 3550, section 5.1). A browser that finds out what fits sends packets with
nothing else in them."""

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
        self._ours: dict[bytes, int] = {}
        "By SSRC: the last sequence number of our own encoder, whose sender keeps its packets itself."

        self._in_the_dark: dict[bytes, int] = {}
        "By SSRC: the last sequence number that was sent before the path was light again."

        self._until = 0.0
        "So long that holds."

        self._new = False
        "Whether a picture has gone on since somebody last asked."

        self._asked_at: float | None = None
        "When somebody last asked while a picture went on."

        self._before_pause: dict[bytes, int] = {}
        "By SSRC: the last sequence number that was sent when somebody first asked after the last pause."

        self._numbered: int | None = None
        "The transport-wide number of the last packet of a page that was sent before that."

        self._whole_at = 0.0
        "When the next whole picture may be asked for."

    def light_again(self, now: float) -> None:
        """The path was dark until now. Where not all that was lost of a stream can be sent again, none of it is.

        A picture follows the one before, so a part of them is of no use, and a whole picture is less. What the page
        sends again is dropped, which it takes for more losses.
        """
        unsorted = list(self.unsorted)
        self.sort()
        self._in_the_dark = self._ours | self._last()
        pictures = [self._kept(ssrc, number) for ssrc, number in self._in_the_dark.items()]
        last = next(filter(None, [*reversed(unsorted), *pictures]), b"")
        self._numbered = transport_number(last)
        self._until, self._whole_at = now + DARK_SECONDS, now

    def encoded_here(self, datagram: bytes) -> None:
        """Note one of a picture of our own encoder, of at least 12 bytes."""
        _note(self._ours, datagram)
        self._new = True

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

    def lost(self, part: float) -> None:
        """Note which part of a stream is reported as lost."""
        if part >= FULL:
            self.credit = 0.0

    def asked(self, packet: bytes, now: float) -> tuple[list[bytes], bytes]:
        """What is to be sent again because a decrypted RTCP packet asks for it, and what else the packet says. `now` is
        in seconds of a clock that never goes back.

        Where it asks for more of what was sent in the dark than can be sent again, it asks for a whole picture instead.
        Where it tells which of that arrived, it says nothing: a browser would send again what didn't, before any new
        picture, all of that would be dropped, and the browser would believe in less and less.
        """
        given = parts(packet)
        heard = [part for part in given if not self._tells_of_the_dark(part, now)]
        answers = [self._answer(part, now) if _is_nack(part) else ([], part) for part in heard]
        left = [rest for _, rest in answers]
        again = [datagram for datagrams, _ in answers for datagram in datagrams]
        return again, packet if left == given else b"".join(left)

    def _answer(self, nack: bytes, now: float) -> tuple[list[bytes], bytes]:
        """What one request is answered with, and what is passed on of it or instead of it."""
        dark = now < self._until
        if not self._named.takes(now, _count(nack)):
            return [], b"" if dark else nack
        self.sort()
        goes_on = self._goes_on(now)
        if not goes_on and not dark:
            return [], b""
        ssrc, instead = nack[8:12], b""
        wanted = dict.fromkeys(chain(*_named(nack)))
        here = self._here(ssrc, wanted)
        whole = len(here) == len(wanted) and sum(map(len, here)) <= self.credit
        if dark and not whole and (before := self._of_the_dark(ssrc, wanted)):
            if now >= self._whole_at:
                self._whole_at = now + WHOLE_SECONDS
                instead = _whole_picture(nack)
            for number in before:
                del wanted[number]
            here = self._here(ssrc, wanted)
        size = sum(map(len, here))
        if size > self.credit:
            here = []
        self.credit -= sum(map(len, here))
        if not goes_on or len(here) == len(wanted):
            return here, instead
        left = wanted.keys() - {int.from_bytes(datagram[2:4]) for datagram in here}
        old = {number for number in _up_to(self._before_pause.get(ssrc), left) if self._was_here(ssrc, number)}
        return here, instead + _request(nack, left - old)

    def _goes_on(self, now: float) -> bool:
        """Whether the picture isn't paused. Note what was sent before a pause."""
        paused = self._asked_at is not None and now - self._asked_at >= PAUSED_SECONDS
        if self._new:
            self._new, self._asked_at = False, now
            if paused:
                self._before_pause = self._last()
            return True
        return not paused

    def _was_here(self, ssrc: bytes, number: int) -> bool:
        """Whether it was sent, or is older than what is kept."""
        datagram = self.datagrams[number % KEPT]
        return datagram[8:12] == ssrc and (int.from_bytes(datagram[2:4]) - number) % 2**16 < 2**15

    def _last(self) -> dict[bytes, int]:
        """The last sequence number of each stream, by SSRC."""
        found: dict[bytes, int] = {}
        for datagram in filter(None, self.datagrams):
            _note(found, datagram)
        return found

    def _here(self, ssrc: bytes, numbers: Iterable[int]) -> list[bytes]:
        return [datagram for number in numbers if (datagram := self._kept(ssrc, number))]

    def _tells_of_the_dark(self, part: bytes, now: float) -> bool:
        if now >= self._until or self._numbered is None or not is_feedback(part):
            return False
        return (self._numbered - int.from_bytes(part[12:14])) % 2**16 < 2**15

    def _of_the_dark(self, ssrc: bytes, numbers: Iterable[int]) -> list[int]:
        """Those that were sent before the path was light again."""
        return _up_to(self._in_the_dark.get(ssrc), numbers)

    def _keep(self, datagram: bytes) -> None:
        self.datagrams[(datagram[2] << 8 | datagram[3]) % KEPT] = datagram
        self._new |= not datagram[0] & PADDING
        self.credit = min(MOST_CREDIT, self.credit + len(datagram) * SHARE)

    def _kept(self, ssrc: bytes, number: int) -> bytes:
        datagram = self.datagrams[number % KEPT]
        return datagram if datagram[8:12] == ssrc and datagram[2:4] == number.to_bytes(2, "big") else b""


def _note(highest: dict[bytes, int], datagram: bytes) -> None:
    """Note its sequence number as its stream's highest, if it is that."""
    ssrc, number = datagram[8:12], int.from_bytes(datagram[2:4])
    if (number - highest.setdefault(ssrc, number)) % 2**16 < 2**15:
        highest[ssrc] = number


def _up_to(last: int | None, numbers: Iterable[int]) -> list[int]:
    """Those that don't come after the last; none if there is none."""
    return [] if last is None else [number for number in numbers if (last - number) % 2**16 < 2**15]


def _is_nack(part: bytes) -> bool:
    return len(part) >= HEADER and part[1] == RTPFB and part[0] & 0x1F == GENERIC_NACK


def _request(nack: bytes, numbers: set[int]) -> bytes:
    """The same request for some of its packets; empty for none."""
    entries = [[number for number in entry if number in numbers] for entry in _named(nack)]
    left = b"".join(
        _NAMED.pack(first, sum(1 << (other - first - 1) % 2**16 for other in others))
        for first, *others in filter(None, entries)
    )
    words = (HEADER + len(left)) // 4 - 1
    return nack[:2] + words.to_bytes(2, "big") + nack[4:HEADER] + left if left else b""


def _whole_picture(nack: bytes) -> bytes:
    """A request for a whole picture of the same stream, from the same receiver."""
    return bytes((0x80 | PICTURE_LOSS, PSFB, 0, 2)) + nack[4:12]


def _count(nack: bytes) -> int:
    """How many packets it names."""
    return sum(1 + others.bit_count() for _, others in _entries(nack))


def _named(nack: bytes) -> list[list[int]]:
    """Sequence numbers, those of each entry together."""
    return [
        [first, *((first + 1 + bit) % 2**16 for bit in range(16) if others >> bit & 1)]
        for first, others in _entries(nack)
    ]


def _entries(nack: bytes) -> Iterator[tuple[int, int]]:
    """A sequence number each, and a bit for each of the sixteen after it."""
    return _NAMED.iter_unpack(nack[HEADER : len(nack) - len(nack) % _NAMED.size])
