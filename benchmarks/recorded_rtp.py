"""One end's media as RTP packets that were packed before: sending them costs a header and the encryption."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from fractions import Fraction

from aiortc.codecs import get_encoder
from av.packet import Packet
from av.stream import Stream

from benchmarks.relayed_legs import AUDIO_CLOCK, RATE, SAMPLES, SECONDS, VIDEO_CLOCK, film, sound
from peer.transport.profile import AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE, Kind, codec
from peer.transport.rtp_statistics import RTP_HEADER
from peer.transport.transport_cc import feedback

REPORT_SECONDS = 0.1
"Between two RTCP reports of one end; a browser sends one every 50 to 250 ms."

REPORTED = 29
"RTP packets that one report is about: what comes in that time."

MARKER = 0x80


@dataclass(frozen=True, slots=True)
class RecordedPacket:
    """One packet without what differs each time it is sent."""

    at: float
    "Seconds from the beginning of the recording."

    second_byte: int
    "Payload type and marker bit."

    timestamp: int
    payload: bytes


@functools.cache
def recording(kind: Kind) -> tuple[RecordedPacket, ...]:
    """SECONDS of the film or the tone, as aiortc packs it: a picture's packets are due at the same moment."""
    video = kind == "video"
    frames, step, clock = (film(), VIDEO_CLOCK // RATE, VIDEO_CLOCK) if video else (sound(), SAMPLES, AUDIO_CLOCK)
    payload_type = VIDEO_PAYLOAD_TYPE if video else AUDIO_PAYLOAD_TYPE
    encoder = get_encoder(codec(kind))
    packets = []
    for number, frame in enumerate(frames[: SECONDS * clock // step]):
        encoded: Packet[Stream] = Packet(frame)
        encoded.pts, encoded.time_base = number * step, Fraction(1, clock)
        payloads, timestamp = encoder.pack(encoded)
        for payload in payloads:
            marker = MARKER if video and payload is payloads[-1] else 0
            packets.append(RecordedPacket(number * step / clock, payload_type | marker, timestamp, payload))
    return tuple(packets)


class RtpStream:
    """A recording over and over, from one SSRC."""

    def __init__(self, kind: Kind) -> None:
        self.ssrc = secrets.randbits(32)
        self._packets = recording(kind)
        self._lap_units = SECONDS * (VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK)
        self._number = 0

    @property
    def sequence(self) -> int:
        """Sequence number of the next packet, 16 bits."""
        return self._number & 0xFFFF

    @property
    def due(self) -> float:
        """When the next packet is due, in seconds from the first one."""
        lap, place = divmod(self._number, len(self._packets))
        return lap * SECONDS + self._packets[place].at

    def next(self) -> bytes:
        """The next packet, not encrypted."""
        lap, place = divmod(self._number, len(self._packets))
        packet = self._packets[place]
        timestamp = packet.timestamp + lap * self._lap_units & 0xFFFFFFFF
        header = RTP_HEADER.pack(0x80, packet.second_byte, self.sequence, timestamp, self.ssrc)
        self._number += 1
        return header + packet.payload


class Reports:
    """Transport-wide congestion control, as each browser sends it about what it gets; all packets arrived in time."""

    def __init__(self) -> None:
        self._number = 0
        self._ssrcs = secrets.randbits(32), secrets.randbits(32)

    @property
    def due(self) -> float:
        """When the next report is due, in seconds from the first one."""
        return self._number * REPORT_SECONDS

    def next(self) -> bytes:
        """The next report, not encrypted."""
        first = self._number * REPORTED
        arrivals = [self.due + place * REPORT_SECONDS / REPORTED for place in range(REPORTED)]
        self._number += 1
        return feedback(self._ssrcs, first & 0xFFFF, list(arrivals), self._number & 0xFF)
