"""Turns the RTP packets of one stream into whole encoded frames, without decoding (RFC 3550, RFC 7587, RFC 7741).

For endpoints that store or pass on encoded frames. It also makes the RTCP packets that a receiver sends: reports,
requests for lost packets and for key frames, and the bit rate that the receiver can take. No I/O: packets and times go
in, frames and RTCP packets come out.
"""

from __future__ import annotations

import heapq
import random
import struct
from collections.abc import Iterator
from itertools import islice

import msgspec
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)

from peer.transport.profile import CLOCK_RATES, KINDS, Kind, receive_parameters
from peer.transport.sequence_numbers import unwrapped

PATIENCE: dict[Kind, float] = {"audio": 0.1, "video": 0.4}
"How many seconds to wait for a missing packet before going on without it."

NACK_SECONDS = 0.1
"The time between two requests for the same lost packets."

FIRST_KEY_FRAME_SECONDS = 0.2
"The time before the first request for a key frame: a sender that has just started sends one without a request."

KEY_FRAME_SECONDS = 0.5
"The time between two requests for a key frame."

REPORT_SECONDS = 1.0
"The time between two receiver reports."

PAUSE_SECONDS = 5.0
"After this long without a picture, the estimate of the bit rate is discarded."

MAX_MISSING = 128
"How many lost packets are asked for. Senders keep no more (see RTP_HISTORY_SIZE), so a larger hole stays lost."

MAX_DROPOUT = 3_000
"A larger jump in sequence numbers means that the sender has started again (RFC 3550, A.1)."

MAX_SPAN = 1_024
"The most sequence numbers from the first missing packet to the newest: it bounds searches and waiting packets."

MAX_WAITING = 1024 * 1024
"How many bytes of packets may wait for an earlier packet."

MAX_FRAME = 512 * 1024
"""The largest encoded frame in bytes: two seconds of the best video that browsers send. A frame that never ends is cut
off here. Code that passes a frame on sends all of its packets at once."""


class EncodedFrame(msgspec.Struct, frozen=True):
    """One VP8 picture, or an Opus packet, usually of 20 ms."""

    kind: Kind

    data: bytes

    timestamp: int
    "The RTP timestamp without wrap-around: 48,000 per second for audio, 90,000 for video."

    arrived: float
    "When its last packet came, in seconds on the caller's clock."

    key: bool = True
    "Whether it can be decoded without earlier frames."

    size: tuple[int, int] | None = None
    "The width and height of a video key frame in pixels. None for other frames."

    restarted: bool = False
    "Whether this is a sender's first frame. Its timestamp has no relation to those of earlier frames."

    own: bool = False
    "Whether our own side has sent the frame."


class Reception:
    """The incoming stream of one kind of media. When a new sender takes over, the frames go on."""

    def __init__(self, kind: Kind, patience: float | None = None, *, watching: bool = False, own: bool = False) -> None:
        """`patience` is how many seconds to wait for a missing packet; None: PATIENCE.

        `watching`: other code receives the stream, sends reports and asks for lost packets, so this object only asks
        for key frames. `own`: our own side sends the stream.
        """
        self.kind = kind
        self._watching = watching
        self._own = own
        self._patience = PATIENCE[kind] if patience is None else patience
        self._extensions = HeaderExtensionsMap()
        self._extensions.configure(receive_parameters(kind))
        self._own_ssrc = random.getrandbits(32)
        self._source: _Source | None = None
        self._bit_rate: RemoteBitrateEstimator | None = None
        "Made when it is first needed: it consists of a thousand objects, and the start of a call has more urgent work."

        self._estimated = 0.0
        "When the estimator last counted a packet."

        self._feedback: list[bytes] = []

    def add(self, data: bytes, now: float) -> list[EncodedFrame]:
        """Take an RTP packet. Returns the frames that it completes, in order.

        Malformed packets, and packets of another payload type, are ignored.
        """
        try:
            packet = RtpPacket.parse(data, self._extensions)
        except (ValueError, struct.error):
            return []
        if KINDS.get(packet.payload_type) != self.kind:
            return []
        if self._source is None or not self._source.accepts(packet):
            self._source = _Source(self.kind, packet, now, self._patience, self._own)
        source = self._source
        if not self._watching:
            source.statistics.add(packet)
            self._estimate(packet, now)
        frames = list(source.add(packet, now))
        self._ask(source, now)
        return frames

    def note_report(self, report: RtcpSrPacket, now: float) -> None:
        """Take a sender report. The next receiver report refers to it (RFC 3550, 6.4.1)."""
        if self._source is not None and report.ssrc == self._source.ssrc:
            self._source.last_report = (report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF, now)

    def want_key_frame(self) -> None:
        """Ask the sender for a key frame, with the next packet that arrives."""
        if self._source is not None:
            self._source.key_frame_wanted = True

    def take_feedback(self) -> list[bytes]:
        """The RTCP packets that are due for the sender. Each packet is returned once."""
        feedback, self._feedback = self._feedback, []
        return feedback

    def _ask(self, source: _Source, now: float) -> None:
        missing = source.missing_now(now)
        if self.kind == "video" and not self._watching:
            for numbers in _growing(missing):
                nack = RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._own_ssrc, source.ssrc, numbers)
                self._feedback.append(bytes(nack))
        if source.key_frame_wanted and now >= source.ask_key_frame_at:
            source.ask_key_frame_at = now + KEY_FRAME_SECONDS
            pli = RtcpPsfbPacket(RTCP_PSFB_PLI, self._own_ssrc, source.ssrc)
            self._feedback.append(bytes(pli))
        if now >= source.report_at and not self._watching:
            source.report_at = now + REPORT_SECONDS
            self._feedback.append(bytes(RtcpRrPacket(self._own_ssrc, [source.report(now)])))

    def _estimate(self, packet: RtpPacket, now: float) -> None:
        if self.kind != "video" or packet.extensions.abs_send_time is None:
            return
        if self._bit_rate is None or now - self._estimated > PAUSE_SECONDS:
            # The estimator works through each millisecond of a pause: an hour of pause takes it a second.
            self._bit_rate = RemoteBitrateEstimator()
        self._estimated = now
        estimate = self._bit_rate.add(
            arrival_time_ms=int(now * 1000),
            abs_send_time=packet.extensions.abs_send_time,
            payload_size=len(packet.payload) + packet.padding_size,
            # The estimator remembers every SSRC that it sees, and the other side chooses how many there are.
            ssrc=0,
        )
        if estimate is not None:
            remb = RtcpPsfbPacket(RTCP_PSFB_APP, self._own_ssrc, 0, pack_remb_fci(estimate[0], [packet.ssrc]))
            self._feedback.append(bytes(remb))


class _Source:
    """One synchronization source: puts its packets in order, counts losses and assembles frames.

    The other side chooses every number in its packets. Whatever it chooses, a packet takes only a share of the work on
    the heap and on the frames that it completes, and at most MAX_SPAN packets with MAX_WAITING bytes wait.
    """

    def __init__(self, kind: Kind, first: RtpPacket, now: float, patience: float, own: bool) -> None:
        self._patience = patience
        self._own = own
        self.ssrc = first.ssrc
        self.statistics = StreamStatistics(CLOCK_RATES[kind])
        self.key_frame_wanted = kind == "video"
        self.ask_key_frame_at = now + FIRST_KEY_FRAME_SECONDS
        self.report_at = now + REPORT_SECONDS
        self.last_report: tuple[int, float] | None = None
        self._kind = kind
        self._next = self._newest = first.sequence_number
        self._timestamp = first.timestamp
        self._waiting: dict[int, tuple[float, RtpPacket]] = {}
        self._waiting_size = 0
        self._order: list[int] = []
        """A heap of the numbers of waiting packets. Numbers of packets that were delivered stay until they reach the
        top."""

        self._ask_missing_at = 0.0
        self._picture: bytearray | None = None
        "The beginning of a picture whose end hasn't come."

        self._picture_timestamp = 0
        self._started = False

    def accepts(self, packet: RtpPacket) -> bool:
        return packet.ssrc == self.ssrc and abs(self._distance(packet)) <= MAX_DROPOUT

    def add(self, packet: RtpPacket, now: float) -> Iterator[EncodedFrame]:
        number = self._newest + self._distance(packet)
        if number < self._next or number in self._waiting:
            return
        self._newest = max(self._newest, number)
        self._waiting[number] = now, packet
        self._waiting_size += len(packet.payload)
        heapq.heappush(self._order, number)
        yield from self._in_order(now)
        while (first := self._first_waiting()) is not None:
            since, _ = self._waiting[first]
            hole, span = first - self._next, self._newest - self._next
            worth_it = hole <= MAX_MISSING and span <= MAX_SPAN and self._waiting_size <= MAX_WAITING
            if worth_it and now - since <= self._patience:
                break
            self._next = first
            self._lose()
            yield from self._in_order(now)

    def missing_now(self, now: float) -> list[int]:
        """The 16-bit sequence numbers to ask for now. Empty if the last request was less than NACK_SECONDS ago."""
        if not self._waiting or now < self._ask_missing_at:
            return []
        self._ask_missing_at = now + NACK_SECONDS
        missing = (number & 0xFFFF for number in range(self._next, self._newest) if number not in self._waiting)
        return list(islice(missing, MAX_MISSING))

    def report(self, now: float) -> RtcpReceiverInfo:
        middle, since = self.last_report or (0, now)
        statistics = self.statistics
        return RtcpReceiverInfo(
            ssrc=self.ssrc,
            fraction_lost=statistics.fraction_lost,
            packets_lost=statistics.packets_lost,
            highest_sequence=(statistics.cycles + (statistics.max_seq or 0)) & 0xFFFFFFFF,
            jitter=statistics.jitter & 0xFFFFFFFF,
            lsr=middle,
            dlsr=min(int((now - since) * 65536), 0xFFFFFFFF),
        )

    def _distance(self, packet: RtpPacket) -> int:
        return unwrapped(packet.sequence_number, self._newest, 16) - self._newest

    def _first_waiting(self) -> int | None:
        while self._order and self._order[0] not in self._waiting:
            heapq.heappop(self._order)
        return self._order[0] if self._order else None

    def _in_order(self, now: float) -> Iterator[EncodedFrame]:
        while self._next in self._waiting:
            _, packet = self._waiting.pop(self._next)
            self._waiting_size -= len(packet.payload)
            self._next += 1
            # A padding-only packet carries no media.
            if packet.payload:
                yield from self._deliver(packet, now)

    def _deliver(self, packet: RtpPacket, now: float) -> Iterator[EncodedFrame]:
        self._timestamp = unwrapped(packet.timestamp, self._timestamp, 32)
        if self._kind == "audio":
            yield self._frame(packet.payload, self._timestamp, now)
            return
        try:
            descriptor, data = VpxPayloadDescriptor.parse(packet.payload)
        except ValueError:
            self._lose()
            return
        if descriptor.partition_start and descriptor.partition_id == 0:
            # The frame before this one is complete: no packet is missing, though its last packet had no marker.
            if self._picture is not None:
                yield from self._complete(now)
            self._picture, self._picture_timestamp = bytearray(), self._timestamp
        elif self._picture is None:
            self._lose()
            return
        self._picture += data
        if len(self._picture) > MAX_FRAME:
            self._lose()
        elif packet.marker:
            yield from self._complete(now)

    def _complete(self, now: float) -> Iterator[EncodedFrame]:
        picture, self._picture = bytes(self._picture or b""), None
        size = key_frame_size(picture)
        if size is not None:
            self.key_frame_wanted = False
            yield self._frame(picture, self._picture_timestamp, now, size)
        elif picture and not self.key_frame_wanted:
            yield self._frame(picture, self._picture_timestamp, now)

    def _frame(self, data: bytes, timestamp: int, now: float, size: tuple[int, int] | None = None) -> EncodedFrame:
        restarted, self._started = not self._started, True
        key = self._kind == "audio" or size is not None
        return EncodedFrame(self._kind, data, timestamp, now, key, size, restarted, self._own)

    def _lose(self) -> None:
        """Note that a packet is lost for good. Video continues with the next key frame."""
        self._picture = None
        if self._kind == "video":
            self.key_frame_wanted = True


def _growing(numbers: list[int]) -> list[list[int]]:
    """Split sequence numbers where they wrap around from 65,535 to 0: aiortc can't write both parts in one request."""
    wrap = next((at for at in range(1, len(numbers)) if numbers[at] < numbers[at - 1]), len(numbers))
    return [part for part in (numbers[:wrap], numbers[wrap:]) if part]


def key_frame_size(picture: bytes) -> tuple[int, int] | None:
    """The width and height of a VP8 key frame. None for other frames (RFC 6386, 9.1)."""
    if len(picture) < 10 or picture[0] & 1 or picture[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(picture[6:8], "little") & 0x3FFF, int.from_bytes(picture[8:10], "little") & 0x3FFF
