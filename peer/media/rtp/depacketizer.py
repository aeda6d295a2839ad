"""One incoming stream, from RTP packets to whole encoded frames, without decoding (RFC 3550, RFC 7587, RFC 7741).

For endpoints that store or pass on what arrives as it is. Does what a receiver owes the sender: reports, requests for
lost packets, for key frames, and the bit rate it can take. No I/O: packets and times in, frames and RTCP packets out.
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
"Seconds to wait for a missing packet before going on without it."

NACK_SECONDS = 0.1
"Between two requests for the same lost packets."

FIRST_KEY_FRAME_SECONDS = 0.2
"Before the first request: a sender that has just started sends one unasked."

KEY_FRAME_SECONDS = 0.5
"Between two requests for a key frame."

REPORT_SECONDS = 1.0
"Between two receiver reports."

PAUSE_SECONDS = 5.0
"Without a picture for so long, what is known of the bit rate is of no use any more."

MAX_MISSING = 128
"Lost packets that are asked for; a larger hole is not worth it (senders keep no more, see RTP_HISTORY_SIZE)."

MAX_DROPOUT = 3_000
"A jump in sequence numbers beyond which the sender has started again (RFC 3550, A.1)."

MAX_SPAN = 1_024
"Sequence numbers from the first that is missing to the newest: all that a search may run through, or that may wait."

MAX_WAITING = 1024 * 1024
"Bytes of packets that wait for one before them."

MAX_FRAME = 512 * 1024
"""Bytes of an encoded frame: two seconds of the best video that browsers send. A sender that never ends one is cut off
here; where the frame goes on to somebody, all of its packets are sent in one go."""


class EncodedFrame(msgspec.Struct, frozen=True):
    """20 ms of Opus, usually, or one VP8 picture."""

    kind: Kind

    data: bytes

    timestamp: int
    "RTP timestamp without wrap-around: 48,000 a second for audio, 90,000 for video."

    arrived: float
    "When its last packet came, in seconds of the clock that was passed in."

    key: bool = True
    "Whether it can be decoded without the ones before."

    size: tuple[int, int] | None = None
    "Width and height, if it is a key frame of a video."

    restarted: bool = False
    "The first one of a sender: its timestamp has no relation to the frames before."

    own: bool = False
    "Our own side has sent it."


class Reception:
    """The stream of one kind of media; when a new sender takes its place, the frames go on."""

    def __init__(self, kind: Kind, patience: float | None = None, *, watching: bool = False, own: bool = False) -> None:
        """`patience` is how many seconds a missing packet is waited for; None: PATIENCE.

        `watching`: somebody else receives the stream, reports, and asks for what was lost; only key frames are asked
        for here. `own`: it is the one that our side sends.
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
        "Made when it is needed: it is a thousand objects, and a call begins with other things to do."

        self._estimated = 0.0
        "When a packet was counted last."

        self._feedback: list[bytes] = []

    def add(self, data: bytes, now: float) -> list[EncodedFrame]:
        """Take in an RTP packet; give the frames that are complete with it, in order.

        Packets of another payload type and malformed ones are ignored.
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
        """Take in a sender report, which the next receiver report refers to (RFC 3550, 6.4.1)."""
        if self._source is not None and report.ssrc == self._source.ssrc:
            self._source.last_report = (report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF, now)

    def want_key_frame(self) -> None:
        """Ask the sender for a key frame, with the next packet that arrives."""
        if self._source is not None:
            self._source.key_frame_wanted = True

    def take_feedback(self) -> list[bytes]:
        """RTCP packets for the sender that are due now; each is given once."""
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
            # The estimator makes up for each millisecond of a pause, one after the other: a second for an hour.
            self._bit_rate = RemoteBitrateEstimator()
        self._estimated = now
        estimate = self._bit_rate.add(
            arrival_time_ms=int(now * 1000),
            abs_send_time=packet.extensions.abs_send_time,
            payload_size=len(packet.payload) + packet.padding_size,
            # The estimator remembers every SSRC that it has seen, and the other side chooses how many there are.
            ssrc=0,
        )
        if estimate is not None:
            remb = RtcpPsfbPacket(RTCP_PSFB_APP, self._own_ssrc, 0, pack_remb_fci(estimate[0], [packet.ssrc]))
            self._feedback.append(bytes(remb))


class _Source:
    """One synchronization source: order, loss and frames.

    The other side chooses every number in its packets. Whatever it chooses, a packet costs its share of the heap and of
    the frames that it completes, and no more than MAX_SPAN packets of MAX_WAITING bytes wait.
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
        "A heap of the numbers that wait; those that were delivered meanwhile are left in it until they come up."

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
        """The 16-bit sequence numbers to ask for, if it is time to."""
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
            # The frame before it is complete even though its last packet carried no marker: no packet is missing.
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
        """Something is missing for good: video goes on with the next key frame."""
        self._picture = None
        if self._kind == "video":
            self.key_frame_wanted = True


def _growing(numbers: list[int]) -> list[list[int]]:
    """The numbers up to 65,535, and those from 0 on: aiortc can't write one request for both."""
    wrap = next((at for at in range(1, len(numbers)) if numbers[at] < numbers[at - 1]), len(numbers))
    return [part for part in (numbers[:wrap], numbers[wrap:]) if part]


def key_frame_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height of a VP8 key frame, None for another frame (RFC 6386, 9.1)."""
    if len(picture) < 10 or picture[0] & 1 or picture[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(picture[6:8], "little") & 0x3FFF, int.from_bytes(picture[8:10], "little") & 0x3FFF
