"""What has arrived: packets, bytes, loss and jitter of each RTP stream, counted whether or not anybody decodes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from peer.transport.listeners import Listeners
from peer.transport.profile import CLOCK_RATES, KINDS, Kind

RTP_HEADER = struct.Struct("!BBHLL")
"The fixed part of the header (RFC 3550, section 5.1): 12 bytes."

HEADER_BYTES = RTP_HEADER.size

RTP_VERSION = 2

EXTENDED = 0x10
MAX_EXTENSIONS = 64
"""Words of 4 bytes (RFC 3550, section 5.3.1). Browsers fill a dozen; an extension may take a byte, and each is read
several times."""

HALF = 2**31
"Half of what a timestamp counts to: a step is taken for the shorter way round."

MAX_DROPOUT = 3000
MAX_MISORDER = 100
"Steps of the sequence number beyond which a stream is taken to have started again (RFC 3550, appendix A.1)."

GAP_SECONDS = 0.1
"Silence that can be heard: five packets of 20 ms, more than a jitter buffer covers."

MAX_STREAMS = 32
"Streams of one kind that are told apart. The other side chooses the SSRCs, so their number has to end somewhere."

IDLE_SECONDS = 10.0
"A stream from which nothing came for this long gives way to a new one: a reloaded page sends with new SSRCs."


class StreamCounter:
    """One stream, that is one SSRC, as RFC 3550 counts it."""

    def __init__(self, clock_rate: int) -> None:
        self.packets = 0
        self.bytes = 0
        "Whole RTP packets, headers included, after decryption."

        self.jitter = 0.0
        "Seconds, smoothed (RFC 3550, section 6.4.1 and appendix A.8)."

        self.last_arrival = 0.0
        "When the newest packet came, in seconds of the caller's clock."

        self.highest = 0
        "The highest sequence number so far, of 16 bits."

        self._tick = 1 / clock_rate
        "Seconds of one step of the timestamps."

        self._base = 0
        self._cycles = 0
        self._received = 0
        self._restart_at: int | None = None
        self._lost_before = 0
        self._timestamp = -1
        "The newest packet's timestamp. No packet has this one."

    @property
    def lost(self) -> int:
        """Packets that were expected and didn't arrive, so far; never negative, unlike RFC 3550's (appendix A.3)."""
        expected = self._cycles + self.highest - self._base + 1 if self._received else 0
        return self._lost_before + max(0, expected - self._received)

    @property
    def extended_highest(self) -> int:
        """The highest sequence number, counted on beyond 16 bits (RFC 3550, section 6.4.1)."""
        return self._cycles + self.highest

    def add_more(self, packets: int, size: int) -> None:
        """Count several packets, whose numbers follow `highest` one by one; `size` is that of all together.

        They are of the same picture as the packet that was counted before, and came with it.
        """
        jitter = self.jitter
        for _ in range(packets):
            jitter -= jitter / 16
        self.jitter = jitter
        self.highest += packets
        self._received += packets
        self.packets += packets
        self.bytes += size

    def add(self, sequence: int, timestamp: int, size: int, arrival: float) -> None:
        """Count one packet: its 16-bit sequence number, 32-bit timestamp, size in bytes and arrival in seconds."""
        if self.packets:
            step = timestamp - self._timestamp
            if not -HALF <= step < HALF:
                step = (step + HALF) % (2 * HALF) - HALF
            deviation = arrival - self.last_arrival - step * self._tick
            if deviation < 0:
                deviation = -deviation
            self.jitter += (deviation - self.jitter) / 16
        self._timestamp = timestamp
        self.packets += 1
        self.bytes += size
        self.last_arrival = arrival
        if not self._received:
            self._start(sequence)
            return
        if sequence == self.highest + 1:  # as nearly always
            self.highest = sequence
            self._received += 1
            return
        ahead = (sequence - self.highest) % 2**16
        if ahead < MAX_DROPOUT:
            if sequence < self.highest:
                self._cycles += 2**16
            self.highest = sequence
        elif ahead <= 2**16 - MAX_MISORDER:
            # One wild number is ignored; two in a row mean that the sender has started again.
            if sequence != self._restart_at:
                self._restart_at = (sequence + 1) % 2**16
                return
            self._lost_before = self.lost
            self._start(sequence)
            return
        self._received += 1

    def _start(self, sequence: int) -> None:
        self._base = self.highest = sequence
        self._cycles = 0
        self._received = 1
        self._restart_at = None


@dataclass(slots=True)
class KindCounter:
    """Everything of one kind that has arrived on a leg."""

    clock_rate: int

    gaps: int = 0
    "How often nothing came for longer than GAP_SECONDS."

    longest_gap: float = 0.0
    "The longest that nothing came, seconds."

    last_arrival: float | None = None

    first_arrival: float | None = None
    "When the first packet came, on the monotonic clock; None before it."

    streams: dict[int, StreamCounter] = field(default_factory=dict)
    "By SSRC, in the order of their first packets; at most MAX_STREAMS."

    packets_before: int = 0
    bytes_before: int = 0
    "Packets and bytes of streams that have given way to others, or had no room."

    lost_before: int = 0
    "Packets lost in streams that have given way to others."

    @property
    def packets(self) -> int:
        """Packets in all streams."""
        return self.packets_before + sum(stream.packets for stream in self.streams.values())

    @property
    def bytes(self) -> int:
        """Bytes in all streams."""
        return self.bytes_before + sum(stream.bytes for stream in self.streams.values())

    @property
    def lost(self) -> int:
        """Packets lost in all streams."""
        return self.lost_before + sum(stream.lost for stream in self.streams.values())

    def has_room(self, now: float) -> bool:
        """Whether another stream can be told apart; `now` is in seconds of the clock of the arrivals."""
        if len(self.streams) < MAX_STREAMS:
            return True
        idle = min(self.streams, key=lambda ssrc: self.streams[ssrc].last_arrival)
        if now - self.streams[idle].last_arrival < IDLE_SECONDS:
            return False
        gone = self.streams.pop(idle)
        self.packets_before += gone.packets
        self.bytes_before += gone.bytes
        self.lost_before += gone.lost
        return True

    def arrived(self, arrival: float) -> None:
        """Note when a packet came, and for how long nothing came before it."""
        last, self.last_arrival = self.last_arrival, arrival
        if last is None:
            self.first_arrival = arrival
            return
        gap = arrival - last
        if gap > self.longest_gap:
            self.longest_gap = gap
        if gap > GAP_SECONDS:
            self.gaps += 1

    @property
    def newest(self) -> int | None:
        """The SSRC heard last, or None."""
        return max(self.streams, key=lambda ssrc: self.streams[ssrc].last_arrival, default=None)


class MediaCounters:
    """Everything that has arrived on a leg, by kind."""

    def __init__(self) -> None:
        self.audio = KindCounter(CLOCK_RATES["audio"])
        self.video = KindCounter(CLOCK_RATES["video"])
        self.by_payload_type = {number: self.of(kind) for number, kind in KINDS.items()}
        "The same two counters."

        self.rtcp = 0
        "RTCP datagrams."

        self.malformed = 0
        "Datagrams that were decrypted but aren't RTP or RTCP of our profile."

        self.first: Listeners[[Kind]] = Listeners()
        "Hear the first packet of each kind."

        self.streams: Listeners[[Kind]] = Listeners()
        "Hear that a stream has begun: at most MAX_STREAMS times in IDLE_SECONDS for each kind."

    def of(self, kind: Kind) -> KindCounter:
        """The counter of a kind."""
        return self.audio if kind == "audio" else self.video

    def add_rtp(self, packet: bytes, arrival: float) -> Kind | None:
        """Count one decrypted RTP packet that came at `arrival`, in monotonic seconds.

        Returns its kind, by payload type, or None for one that isn't of our profile.
        """
        size = len(packet)
        if size < HEADER_BYTES:
            self.malformed += 1
            return None
        first, second, sequence, timestamp, ssrc = RTP_HEADER.unpack_from(packet)
        kind = KINDS.get(second & 0x7F)
        if kind is None or first >> 6 != RTP_VERSION or (first & EXTENDED and extensions(packet) > MAX_EXTENSIONS):
            self.malformed += 1
            return None
        counter = self.audio if kind == "audio" else self.video
        last = counter.last_arrival
        counter.arrived(arrival)
        stream = counter.streams.get(ssrc)
        if stream is not None:
            stream.add(sequence, timestamp, size, arrival)
        elif counter.has_room(arrival):
            stream = counter.streams[ssrc] = StreamCounter(counter.clock_rate)
            stream.add(sequence, timestamp, size, arrival)
            self.streams.tell(kind)
        else:
            counter.packets_before += 1
            counter.bytes_before += size
        if last is None:
            self.first.tell(kind)
        return kind


def extensions(packet: bytes) -> int:
    """How many words of header extensions a packet says that it has."""
    at = HEADER_BYTES + 4 * (packet[0] & 0x0F)
    return int.from_bytes(packet[at + 2 : at + 4], "big")
