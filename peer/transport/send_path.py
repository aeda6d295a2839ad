"""How much a path carries, as our own encoders learn it from the other side's feedback. Pure.

Each packet gets a number for the whole transport; the other node, or a browser behind it, says when each arrived
(draft-holmer-rmcat-transport-wide-cc-extensions-01). From the growth of the delay aiortc's estimator tells how much
fits through (draft-ietf-rmcat-gcc-02, section 5); losses lower that (section 6).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aiortc.rate import RemoteBitrateEstimator

from peer.transport.foreign_clock import ForeignClock
from peer.transport.profile import TRANSPORT_CC_EXTENSION
from peer.transport.sequence_numbers import unwrapped
from peer.transport.transport_cc import ONE_BYTE_EXTENSIONS, REFERENCE_TICKS, RTPFB, TICK, TRANSPORT_FEEDBACK
from shared.rate import Bucket, Limit

MAX_UNDER_WAY = 2_048
"Packets whose fate may be reported: some seconds of the best picture. Numbers further back mean nothing to us."

NAMED = Limit(at_once=MAX_UNDER_WAY, per_second=MAX_UNDER_WAY)
"""Packets that reports may name, one for each report included: we send a quarter of that at most. A report of 24 bytes
can name as many as one of a thousand.
"""

LOSS_SECONDS = 1.0
"Over which losses are counted, at least, and LOSS_PACKETS."

LOSS_PACKETS = 20

LOWER_AT, HIGHER_AT = 0.15, 0.02
"Parts of the packets: with more lost the rate goes down, with less it may go up (section 6, which begins at a tenth)."

AT_RANDOM = 0.4
"""Of what the delay says. A path that is full delays packets before it loses them; one that loses without delaying any
does so whatever is sent, and to send next to nothing would help nobody."""

RISE = 1.05
"A time in which little was lost lets the rate go up by this."

MIN_BITS, MAX_BITS = 20_000.0, 3_000_000.0

SILENT_SECONDS = 1.0
"Without feedback for so long nothing is known: the path may be dark, and what was learned before is of no use then."

UNHEARD_SECONDS = 2.0
"Without feedback on what is sent for so long, though something arrives, both ways are full. Usual are 0.1 seconds."

_FEEDBACK = struct.Struct("!HH3sB")
"Base number, count, reference time and number of the report, after the two SSRCs (section 3.1)."


@dataclass(slots=True)
class _Sent:
    at: float
    size: int


class SendPath:
    """One leg's way to the other side."""

    def __init__(self) -> None:
        self.bits: float | None = None
        "Bits a second that fit through, headers included; None before it is known."

        self.lost = 0.0
        "The part of the packets that was lost lately."

        self.late = 0.0
        "Seconds that packets take longer than at best, smoothed."

        self._least: float | None = None
        self._number = 0
        self._sent: dict[int, _Sent] = {}
        self._estimator: RemoteBitrateEstimator | None = None
        "Made when the first packet is reported: it is a thousand objects, and a call begins with other things to do."

        self._by_delay: float | None = None
        self._by_loss: float | None = None
        self._window = 0.0
        self._arrived = self._missing = 0
        self._heard: float | None = None
        self._unreported: float | None = None
        "When the first packet was sent after the last feedback."

        self._clock = ForeignClock()
        self._named = Bucket(NAMED)

    def number(self, size: int, now: float) -> int:
        """The number, 16 bits, for a packet of `size` bytes that is sent at `now`, in seconds."""
        self._number += 1
        if self._unreported is None:
            self._unreported = now
        self._sent[self._number] = _Sent(now, size)
        if len(self._sent) > MAX_UNDER_WAY:
            del self._sent[next(iter(self._sent))]
        return self._number & 0xFFFF

    @property
    def used(self) -> bool:
        """Whether anything was sent, so that reports can be about it."""
        return self._number > 0

    def unheard(self, now: float) -> bool:
        """Whether nothing is reported any more of what is sent."""
        return self._heard is not None and self._unreported is not None and now - self._unreported >= UNHEARD_SECONDS

    def estimated(self, bits: int) -> None:
        """Take the other side's own estimate (draft-alvestrand-rmcat-remb), from one that reports no arrivals."""
        if self._heard is None:
            self.bits = min(MAX_BITS, max(MIN_BITS, float(bits)))

    def reported(self, packet: bytes, now: float) -> bool:
        """Learn from one RTCP packet of feedback. Returns False for what isn't one, can't be read or is too many."""
        if not is_feedback(packet) or not self._named.takes(now, 1 + _count(packet)):
            return False
        read = arrivals(packet)
        if read is None:
            return False
        base, times = read
        dark = self._heard is not None and now - self._heard > SILENT_SECONDS
        newest = max((at for at in times if at is not None), default=None)
        if newest is not None and self._clock.heard(newest, now, again=dark):
            # The estimator makes up for each millisecond of a jump, one after the other: an hour for the longest.
            self._begin_again()
        self._heard, self._unreported = now, None
        first = unwrapped(base, self._number, 16)
        for number, at in enumerate(times, first):
            if at is None:
                self._missing += not dark and number in self._sent
            elif (sent := self._sent.pop(number, None)) is not None:
                self._arrived += 1
                self._learn(sent, self._clock.ours(at))
        self._count_losses(now)
        known = [each for each in (self._by_delay, self._by_loss) if each is not None]
        if known:
            self.bits = min(MAX_BITS, max(MIN_BITS, min(known)))
        return True

    def _begin_again(self) -> None:
        self._estimator = None
        self._arrived = self._missing = 0
        self._least, self.late = None, 0.0

    def _learn(self, sent: _Sent, arrived: float) -> None:
        # By two clocks still: only the difference of two such times says something.
        way = arrived - sent.at
        self._least = way if self._least is None else min(self._least, way)
        self.late += (way - self._least - self.late) / 16
        if self._estimator is None:
            self._estimator = RemoteBitrateEstimator()
        estimate = self._estimator.add(
            arrival_time_ms=int(arrived * 1000),
            abs_send_time=int(sent.at * (1 << 18)) & 0xFFFFFF,
            payload_size=sent.size,
            ssrc=0,
        )
        if estimate is not None:
            self._by_delay = float(estimate[0])

    def _count_losses(self, now: float) -> None:
        seen = self._arrived + self._missing
        if seen < LOSS_PACKETS or now - self._window < LOSS_SECONDS:
            return
        self.lost = self._missing / seen
        self._window, self._arrived, self._missing = now, 0, 0
        rate = self._by_loss or self._by_delay
        if rate is None:
            return
        if self.lost > LOWER_AT:
            by_delay = self._by_delay or rate
            self._by_loss = max(min(rate, by_delay) * (1 - self.lost / 2), AT_RANDOM * by_delay)
        elif self.lost < HIGHER_AT:
            self._by_loss = min(MAX_BITS, rate * RISE + 1_000)


def is_feedback(packet: bytes) -> bool:
    """Whether an RTCP packet is a report of arrivals."""
    return len(packet) >= 20 and packet[0] & 0x1F == TRANSPORT_FEEDBACK and packet[1] == RTPFB


def _count(report: bytes) -> int:
    """How many packets a report says that it names."""
    return int(_FEEDBACK.unpack_from(report, 12)[1])


def parts(datagram: bytes) -> list[bytes]:
    """The packets of a compound RTCP datagram (RFC 3550, section 6.1), as far as their lengths are true."""
    found = []
    while len(datagram) >= 4:
        size = 4 + 4 * int.from_bytes(datagram[2:4], "big")
        if size > len(datagram):
            break
        found.append(datagram[:size])
        datagram = datagram[size:]
    return found


def arrivals(packet: bytes) -> tuple[int, list[float | None]] | None:
    """Read a report: the first number, 16 bits, and when each packet from there on arrived, None for those that didn't.

    The times are seconds of the other side's clock. Returns None for what isn't a report that can be read.
    """
    if not is_feedback(packet):
        return None
    if packet[0] & 0x20:
        packet = packet[: max(0, len(packet) - packet[-1])]
    if len(packet) < 12 + _FEEDBACK.size:
        return None
    base, count, reference, _ = _FEEDBACK.unpack_from(packet, 12)
    if count > MAX_UNDER_WAY:
        return None
    at = 12 + _FEEDBACK.size
    symbols: list[int] = []
    while len(symbols) < count:
        if at + 2 > len(packet):
            return None
        chunk = int.from_bytes(packet[at : at + 2], "big")
        at += 2
        if not chunk & 0x8000:  # run length (section 3.1.3)
            symbols += [chunk >> 13 & 3] * min(chunk & 0x1FFF, count - len(symbols))
        elif chunk & 0x4000:  # seven symbols of two bits
            symbols += [chunk >> shift & 3 for shift in range(12, -2, -2)]
        else:  # fourteen of one bit
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
        if chunk == 0:
            return None  # a run of nothing would never end
    ticks = int.from_bytes(reference, "big") * REFERENCE_TICKS
    times: list[float | None] = []
    for symbol in symbols[:count]:
        size = symbol if symbol < 3 else 0
        if at + size > len(packet):
            return None
        if size:
            ticks += int.from_bytes(packet[at : at + size], "big", signed=size == 2)
        at += size
        times.append(ticks * TICK if size else None)
    return base, times


def numbered(packet: bytes, number: int) -> bytes:
    """An RTP packet with that number in its header extensions, which have to be of one byte each (RFC 8285, 4.2).

    Returns the packet as it is if it has none.
    """
    at = 12 + 4 * (packet[0] & 0x0F)
    if not packet[0] & 0x10 or packet[at : at + 2] != ONE_BYTE_EXTENSIONS.to_bytes(2, "big"):
        return packet
    end = at + 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
    extensions = packet[at + 4 : end]  # zeros at its end are padding, which may be anywhere
    extensions += bytes([TRANSPORT_CC_EXTENSION << 4 | 1]) + number.to_bytes(2, "big")
    extensions += bytes(-len(extensions) % 4)
    words = (len(extensions) // 4).to_bytes(2, "big")
    return packet[: at + 2] + words + extensions + packet[end:]
