"""Gives what we send to another program the SSRCs that our description named, and what it says of them back.

A page that reloads, or another endpoint, begins a new stream of its own. To the other side it is the same one, which
goes on: sequence numbers and timestamps are shifted so that they continue (RFC 3550, section 5.1).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from peer.transport.profile import CLOCK_RATES, KINDS, Kind

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE, FEEDBACK, PAYLOAD_FEEDBACK = 200, 201, 202, 203, 205, 206
"RTCP packet types (RFC 3550, section 12.1; RFC 4585, section 6.1)."

NACK = 1
FULL_REQUEST, APPLICATION = 4, 15
"Formats of feedback (RFC 4585, section 6.2.1; RFC 5104, section 4.3.1; draft-alvestrand-rmcat-remb)."

REPORT_BLOCK = 24
SENDER_INFO = 20
"Bytes (RFC 3550, section 6.4.1)."

MAX_RETIRED = 16
"Streams whose late packets are known as such."

_HEADER = struct.Struct("!BBHII")
"What RTP begins with: flags, payload type, sequence number, timestamp, SSRC."


@dataclass(slots=True)
class _Source:
    """The stream that is sent under one announced SSRC."""

    announced: int
    clock_rate: int
    current: int | None = None
    "The SSRC that the stream itself has."

    sequence_shift: int = 0
    time_shift: int = 0
    newest: int = 0
    "The last sequence number that was sent, as the other side knows it."

    newest_time: int = 0
    sent_at: float = 0.0
    retired: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_RETIRED))


class AnnouncedSources:
    """Rewrites the SSRCs of one connection's packets, which are in the numbers of our profile."""

    def __init__(self, announced: dict[Kind, int], clock: Callable[[], float]) -> None:
        self._sources: dict[Kind, _Source] = {
            kind: _Source(ssrc, CLOCK_RATES[kind]) for kind, ssrc in announced.items()
        }
        self._clock = clock

    def outward(self, packet: bytes) -> bytes | None:
        """An RTP packet that is to be sent. None if it belongs to a stream that another one has taken the place of."""
        if len(packet) < _HEADER.size or (kind := KINDS.get(packet[1] & 0x7F)) not in self._sources:
            return None
        source = self._sources[kind]
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(packet)
        now = self._clock()
        if ssrc != source.current:
            if ssrc in source.retired:
                return None
            self._replace(source, ssrc, sequence, timestamp, now)
        sequence = sequence + source.sequence_shift & 0xFFFF
        timestamp = timestamp + source.time_shift & 0xFFFFFFFF
        if (sequence - source.newest & 0xFFFF) < 0x8000:
            source.newest, source.newest_time, source.sent_at = sequence, timestamp, now
        return _HEADER.pack(first, second, sequence, timestamp, source.announced) + packet[_HEADER.size :]

    def rtcp_outward(self, compound: bytes) -> bytes:
        """A compound RTCP packet that is to be sent, without goodbyes: the announced stream goes on."""
        out = bytearray()
        for kind, packet in _packets(compound):
            if kind == GOODBYE:
                continue
            source = self._by_current(_word(packet, 4)) if len(packet) >= 8 else None
            if source is not None:
                _put(packet, 4, source.announced)
                if kind == SENDER_REPORT and len(packet) >= 8 + SENDER_INFO:
                    _put(packet, 16, _word(packet, 16) + source.time_shift)
            elif kind == SENDER_REPORT:
                continue  # of a stream that has ended
            out += packet
        return bytes(out)

    def rtcp_inward(self, compound: bytes) -> bytes:
        """A compound RTCP packet of the other side, so that the sender of a stream recognises it as its own."""
        out = bytearray()
        for kind, packet in _packets(compound):
            count = packet[0] & 0x1F
            if kind in (SENDER_REPORT, RECEIVER_REPORT):
                start = 8 + (SENDER_INFO if kind == SENDER_REPORT else 0)
                for at in range(start, min(len(packet), start + count * REPORT_BLOCK) - REPORT_BLOCK + 1, REPORT_BLOCK):
                    source = self._rename(packet, at)
                    if source is not None:
                        highest = _word(packet, at + 8)
                        _put(packet, at + 8, highest & ~0xFFFF | highest - source.sequence_shift & 0xFFFF)
            elif kind in (FEEDBACK, PAYLOAD_FEEDBACK) and len(packet) >= 12:
                source = self._rename(packet, 8)
                if kind == FEEDBACK and count == NACK and source is not None:
                    for at in range(12, len(packet) - 3, 4):
                        lost = int.from_bytes(packet[at : at + 2], "big") - source.sequence_shift & 0xFFFF
                        packet[at : at + 2] = lost.to_bytes(2, "big")
                elif kind == PAYLOAD_FEEDBACK and count == FULL_REQUEST:
                    for at in range(12, len(packet) - 7, 8):
                        self._rename(packet, at)
                elif (
                    kind == PAYLOAD_FEEDBACK and count == APPLICATION and packet[12:16] == b"REMB" and len(packet) > 16
                ):
                    for at in range(20, min(len(packet) - 3, 20 + 4 * packet[16]), 4):
                        self._rename(packet, at)
            out += packet
        return bytes(out)

    def _replace(self, source: _Source, ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        if source.current is not None:
            source.retired.append(source.current)
            passed = round((now - source.sent_at) * source.clock_rate)
            source.sequence_shift = source.newest + 1 - sequence & 0xFFFF
            source.time_shift = source.newest_time + max(1, passed) - timestamp & 0xFFFFFFFF
        else:
            source.newest = sequence - 1 & 0xFFFF
        source.current = ssrc

    def _by_current(self, ssrc: int) -> _Source | None:
        return next((source for source in self._sources.values() if source.current == ssrc), None)

    def _rename(self, packet: bytearray, at: int) -> _Source | None:
        """Replace the announced SSRC with the one that the stream has itself."""
        announced = _word(packet, at)
        for source in self._sources.values():
            if source.announced == announced and source.current is not None:
                _put(packet, at, source.current)
                return source
        return None


def _packets(compound: bytes) -> Iterator[tuple[int, bytearray]]:
    """The packets of a compound one, each with its type; what doesn't fit ends them (RFC 3550, section 6.1)."""
    at = 0
    while at + 4 <= len(compound):
        end = at + 4 + 4 * int.from_bytes(compound[at + 2 : at + 4], "big")
        if end > len(compound):
            return
        yield compound[at + 1], bytearray(compound[at:end])
        at = end


def _word(packet: bytearray, at: int) -> int:
    return int.from_bytes(packet[at : at + 4], "big")


def _put(packet: bytearray, at: int, value: int) -> None:
    packet[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "big")
