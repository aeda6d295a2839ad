"""Media over a leg: tracks, taps, counters, and packets that nobody should send."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPacket, RtcpPsfbPacket, is_rtcp
from av import AudioFrame, VideoFrame

from peer.transport.audio_first import PathState
from peer.transport.dtls import ANOTHER_PATH_SECONDS, DARK_SECONDS, RTCP
from peer.transport.leg import Leg
from shared.errors import LocalProtocolError
from shared.in_thread import MOST_THREADS, in_thread_to_its_end
from shared.media import Media
from tests.peer.decoding_leg import TRACK_FRAMES
from tests.peer.pair import PATIENCE, connected, together, two_legs
from tests.peer.transport.test_sent_twice import report


class Tap:
    """Keeps packets, and reports when it has enough."""

    def __init__(self, enough: Callable[[list[bytes]], bool]) -> None:
        self.packets: list[bytes] = []
        self._enough = enough
        self._done = asyncio.Event()

    async def __call__(self, packet: bytes) -> None:
        self.packets.append(packet)
        if self._enough(self.packets):
            self._done.set()

    async def done(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._done.wait()


def payload_types(packets: list[bytes]) -> list[int]:
    return [packet[1] & 0x7F for packet in packets if not is_rtcp(packet)]


def a_few_of_both(packets: list[bytes]) -> bool:
    kinds = payload_types(packets)
    return kinds.count(111) >= 5 and kinds.count(96) >= 5


SSRCS = {111: 7, 96: 8}

PICTURE_LOSS = b"\x81\xce"
"How a request for a whole picture begins (RFC 4585, section 6.3.1)."

END = b"\x81\xcb\x00\x01END."
"A BYE (RFC 3550, section 6.6): nobody does anything with it."


def rtp(sequence: int = 1, *, payload_type: int = 111, first: int = 0x80, rest: bytes = bytes(20)) -> bytes:
    return struct.pack("!BBHLL", first, payload_type, sequence, sequence * 960, SSRCS.get(payload_type, 5)) + rest


async def test_sound_and_picture_flow_both_ways_and_are_decoded() -> None:
    async with two_legs() as legs:
        tracks = [await leg.receive(kind) for leg in (legs.caller, legs.callee) for kind in ("audio", "video")]
        await together(legs.caller, legs.callee)
        for leg in (legs.caller, legs.callee):
            await leg.send(AudioStreamTrack())
            await leg.send(VideoStreamTrack())
        async with asyncio.timeout(PATIENCE):
            frames = [await track.recv() for track in tracks]
        assert [type(frame) for frame in frames] == [AudioFrame, VideoFrame] * 2
        for leg in (legs.caller, legs.callee):
            assert leg.counters.audio.packets > 0
            assert leg.counters.video.packets > 0
            assert leg.counters.audio.lost == leg.counters.video.lost == leg.counters.malformed == 0


async def test_disks_that_hang_take_no_sound_from_a_call(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging"
    os.mkfifo(hanging)
    async with connected() as legs:
        sound = await legs.callee.receive("audio")
        files = [
            asyncio.create_task(in_thread_to_its_end(lambda: os.open(hanging, os.O_RDONLY)))
            for _ in range(MOST_THREADS)
        ]
        try:
            await asyncio.sleep(0)  # all have begun
            await legs.caller.send(AudioStreamTrack())
            async with asyncio.timeout(PATIENCE):
                for _ in range(25):
                    await sound.recv()
        finally:
            writer = os.open(hanging, os.O_RDWR)
            for opened in (*await asyncio.gather(*files), writer):
                os.close(opened)


async def test_packets_are_counted_and_tapped_though_nobody_decodes_them() -> None:
    async with connected() as legs:
        tap = Tap(a_few_of_both)
        legs.callee.tap(tap)
        await legs.caller.send(AudioStreamTrack())
        await legs.caller.send(VideoStreamTrack())
        await tap.done()
        legs.callee.untap(tap)
        legs.callee.untap(tap)
        counters = legs.callee.counters
        kinds = payload_types(tap.packets)
        assert (counters.audio.packets, counters.video.packets) == (kinds.count(111), kinds.count(96))
        assert counters.audio.bytes + counters.video.bytes == sum(len(p) for p in tap.packets if not is_rtcp(p))
        assert counters.audio.first_arrival is not None
        assert len(counters.audio.streams) == len(counters.video.streams) == 1


async def test_the_first_packet_of_each_kind_is_told() -> None:
    async with connected() as legs:
        told: list[Media] = []
        legs.callee.first_media.listen(told.append)
        tap = Tap(lambda packets: len(packets) == 4)
        legs.callee.tap(tap)
        for packet in (rtp(1), rtp(2), rtp(1, payload_type=96), rtp(3)):
            await legs.caller.send_rtp(packet)
        await tap.done()
        assert told == [Media.AUDIO, Media.VIDEO]


async def test_packets_pass_from_leg_to_leg_untouched() -> None:
    async with connected() as first, connected() as second:
        tap = Tap(lambda packets: len(packets) == 5)
        # A relay between two calls: what the first call's callee receives, the second call's caller sends.
        first.callee.tap(second.caller.send_rtp)
        second.callee.tap(tap)
        report = b"\x80\xc9\x00\x01\x00\x00\x00\x07"
        packets = [rtp(1), report, rtp(2, payload_type=96, first=0x90, rest=b"\xbe\xde\x00\x01\x10\x30\x00\x00data")]
        # The greatest size that fits into a datagram.
        packets += [rtp(3, rest=bytes(1_440)), report + bytes([0x80, 203, 1, 99]) + bytes(4 * 355)]
        for packet in packets:
            await first.caller.send_rtp(packet)
        await tap.done()
        assert tap.packets == packets
        assert second.callee.counters.rtcp == 2


async def test_a_tap_that_fails_is_taken_off_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(packet: bytes) -> None:
        raise ConnectionError("the other leg is gone")

    async with connected() as legs:
        tap = Tap(lambda packets: len(packets) == 2)
        legs.callee.tap(failing)
        legs.callee.tap(tap)
        await legs.caller.send_rtp(rtp(1))
        await legs.caller.send_rtp(rtp(2))
        await tap.done()
        assert legs.callee.connected
    assert [record.levelname for record in caplog.records if record.name == "peer.transport.leg"] == ["ERROR"]


@pytest.mark.parametrize("packet", [b"", b"\x80", b"\x80\x6f", bytes(100), b"\x80\xc8\x00"])
async def test_what_is_no_packet_is_not_sent(packet: bytes) -> None:
    async with connected() as legs:
        tap = Tap(lambda packets: len(packets) == 1)
        legs.callee.tap(tap)
        await legs.caller.send_rtp(packet)
        await legs.caller.send_rtp(rtp())
        await tap.done()
        assert tap.packets[-1] == rtp()


HOSTILE = [
    # A send time of two bytes instead of three, and then extensions that end too early.
    rtp(2, payload_type=96, first=0x90, rest=b"\xbe\xde\x00\x01\x21\x00\x00\x00"),
    rtp(3, first=0x90, rest=b"\xbe\xde\x00\x01\x1f\x00\x00\x00"),
    rtp(4, first=0x90, rest=b"\xbe\xde\xff\xff"),
    rtp(5, first=0x90, rest=b"\x10\x00\x00\x01\x01\xff\x00\x00"),
    # A MID that isn't UTF-8, padding longer than the packet, missing CSRCs, an unknown payload type.
    rtp(6, first=0x90, rest=b"\xbe\xde\x00\x01\x11\xff\xff\x00"),
    rtp(7, first=0xA0, rest=b"\xff"),
    rtp(8, first=0x8F, rest=b""),
    rtp(9, payload_type=3),
    # VP8 payload descriptors that end too early.
    *(rtp(10 + n, payload_type=96, rest=rest) for n, rest in enumerate((b"", b"\x80", b"\x80\xf0", b"\x80\xff\x80"))),
    # RTCP: wrong lengths, a REMB without the SSRCs that it announces, a BYE without its source.
    b"\x80\xc8\x00\xff" + bytes(8),
    b"\x9f\xc9\x00\x01" + bytes(4),
    b"\x8f\xce\x00\x04" + bytes(8) + b"REMB\xff\x00\x00\x00",
    b"\x81\xcb\x00\x00",
    b"\x81\xca\x00\x02" + bytes(4) + b"\x01\xff\x00\x00",
    b"\xa0\xc9\x00\x01\x00\x00\x00\xff",
]


async def test_hostile_packets_of_the_authenticated_side_cost_only_themselves() -> None:
    async with connected() as legs:
        for kind in ("audio", "video"):
            await legs.callee.receive(kind)
        await legs.callee.send(AudioStreamTrack())
        await legs.callee.send(VideoStreamTrack())
        last = rtp(50)
        tap = Tap(lambda packets: packets[-1] == last)
        legs.callee.tap(tap)
        for packet in HOSTILE:
            await legs.caller._dtls.transport._send(protected(legs.caller, packet))
        await legs.caller.send_rtp(last)
        await tap.done()
        assert legs.callee.connected
        assert legs.callee.counters.malformed > 0


async def test_reports_without_end_are_read_up_to_a_limit() -> None:
    """Reading a datagram full of reports takes as long as reading thirty packets of sound."""
    async with connected() as legs:
        last = rtp(50)
        tap = Tap(lambda packets: packets[-1] == last)
        legs.callee.tap(tap)
        goodbyes, began = b"\x80\xcb\0\0" * 350, time.monotonic()
        for _ in range(400):
            await legs.caller.send_rtp(goodbyes)
            await asyncio.sleep(0)
        await legs.caller.send_rtp(last)
        await tap.done()
        read = sum(len(packet) for packet in tap.packets if is_rtcp(packet))
        assert 0 < read <= RTCP.at_once + RTCP.per_second * (time.monotonic() - began)


def protected(leg: Leg, packet: bytes) -> bytes:
    """Encrypt a packet without our own checks."""
    session = leg._dtls._tx_srtp
    try:
        data: bytes = session.protect_rtcp(packet) if is_rtcp(packet) else session.protect(packet)
    except Exception:
        return packet
    return data


async def test_another_track_takes_the_place_of_the_one_before() -> None:
    async with two_legs() as legs:
        decoded = await legs.callee.receive("audio")
        await together(legs.caller, legs.callee)
        first, second = AudioStreamTrack(), AudioStreamTrack()
        await legs.caller.send(first)
        async with asyncio.timeout(PATIENCE):
            await decoded.recv()
        await legs.caller.send(second)
        assert first.readyState == "ended"
        before = legs.callee.counters.audio.packets
        tap = Tap(lambda packets: len(legs.callee.counters.audio.streams) == 2 and len(payload_types(packets)) > 10)
        legs.callee.tap(tap)
        await tap.done()
        # The decoder continues with the new stream, though the old one has sent a BYE.
        async with asyncio.timeout(PATIENCE):
            for _ in range(decoded._queue.qsize() + 1):
                assert isinstance(await decoded.recv(), AudioFrame)
        assert legs.callee.counters.audio.packets > before


async def test_a_kind_can_be_stopped_and_started_again() -> None:
    async with connected() as legs:
        await legs.caller.send(AudioStreamTrack())
        for _ in range(2):
            track = await legs.callee.receive("audio")
            async with asyncio.timeout(PATIENCE):
                await track.recv()
            await legs.callee.stop_receiving("audio")
            await legs.callee.stop_receiving("audio")
            await ends(track)
        await legs.caller.stop_sending("audio")
        await legs.caller.stop_sending("audio")
        assert legs.caller.connected


async def test_decoded_tracks_end_with_the_leg() -> None:
    async with connected() as legs:
        track = await legs.callee.receive("video")
        waiting = asyncio.create_task(ends(track))
        await legs.caller.close()
        async with asyncio.timeout(PATIENCE):
            await waiting


async def ends(track: MediaStreamTrack) -> None:
    with pytest.raises(MediaStreamError):
        await drained(track)


async def drained(track: MediaStreamTrack) -> None:
    while True:
        await track.recv()


async def test_a_slow_reader_gets_the_newest_frames_and_memory_stays_bounded() -> None:
    async with two_legs() as legs:
        track = await legs.callee.receive("video")
        frames = [VideoFrame(16, 16) for _ in range(200)]
        # The decoder's thread does the same.
        for frame in frames:
            await track._queue.put(frame)
        kept = [await track.recv() for _ in range(TRACK_FRAMES["video"])]
        assert track._queue.empty()
        assert kept == frames[-len(kept) :]


async def test_a_whole_picture_can_be_asked_for() -> None:
    async with connected() as legs:
        asked = Tap(lambda packets: any(map(is_rtcp, packets)))
        legs.caller.tap(asked)
        await legs.callee.request_keyframe()
        seen = Tap(lambda packets: True)
        legs.callee.tap(seen)
        await legs.caller.send_rtp(rtp(payload_type=96))
        await seen.done()
        await legs.callee.request_keyframe()
        await asked.done()
        (feedback,) = RtcpPacket.parse(asked.packets[-1])
        assert isinstance(feedback, RtcpPsfbPacket)
        assert (feedback.fmt, feedback.media_ssrc) == (RTCP_PSFB_PLI, SSRCS[96])


async def test_a_track_of_neither_kind_is_not_sent() -> None:
    class Smell(AudioStreamTrack):
        kind = "smell"

    async with connected() as legs:
        with pytest.raises(LocalProtocolError):
            await legs.caller.send(Smell())


@pytest.mark.parametrize("pictured", [True, False])
async def test_after_a_dark_time_a_whole_picture_is_asked_for_once_and_nothing_waits_for_its_timer(
    pictured: bool,
) -> None:
    """With the first packet if pictures came before, otherwise with the first picture."""
    async with connected() as legs:
        said: asyncio.Queue[bytes] = asyncio.Queue()
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        legs.caller.tap(said.put)
        legs.callee.tap(arrived.put)
        asked: list[bytes] = []
        numbers = itertools.count(1)

        async def come(*kinds: int) -> None:
            """Packets of these kinds, one after the other, and what is said about them."""
            for kind in kinds:
                await legs.caller.send_rtp(rtp(next(numbers), payload_type=kind))
                while (await arrived.get())[1] & 0x7F != kind:
                    pass
            await legs.callee.send_rtp(END)
            while (packet := await said.get()) != END:
                asked.extend([packet] if packet[:2] == PICTURE_LOSS else [])

        async with asyncio.timeout(PATIENCE):
            await come(*([111, 96] if pictured else [111]))
            dtls = legs.callee.transport
            assert dtls.last_heard is not None
            dtls.last_heard -= 2 * DARK_SECONDS
            await come(111)
            assert len(asked) == pictured
            await come(96)
            await come(96)
        (request,) = asked
        assert int.from_bytes(request[8:12], "big") == SSRCS[96]


async def test_after_a_long_dark_time_what_was_tried_before_it_counts_no_more() -> None:
    async with connected() as legs:
        arrived = Tap(lambda packets: True)
        legs.callee.tap(arrived)
        leg, dtls = legs.callee, legs.callee.transport
        leg._own_path._state = PathState(step=2, failed=3)
        dtls._twice._rests_until = math.inf
        assert dtls.last_heard is not None
        dtls.last_heard -= 2 * ANOTHER_PATH_SECONDS
        await legs.caller.send_rtp(rtp(1))
        await arrived.done()
        assert leg._own_path._state == PathState(step=2)
        dtls._twice.reported(report(0.1), time.monotonic())
        assert dtls._twice.active
