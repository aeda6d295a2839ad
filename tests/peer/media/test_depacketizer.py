from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from peer.media.endpoints.pattern import Bars
from peer.media.rtp.depacketizer import EncodedFrame, Reception, key_frame_size
from peer.media.rtp.timeline import Timeline

SSRC = 7

SOUND = b"\xf8"
"An Opus packet of 20 ms."


def audio_packet(number: int, *, ssrc: int = SSRC, payload: bytes | None = None) -> bytes:
    """20 ms of sound with its number as its content."""
    content = payload if payload is not None else number.to_bytes(4, "big")
    return RtpPacket(111, 0, number & 0xFFFF, number * 960 & 0xFFFFFFFF, ssrc, content).serialize()


def video_packets(pictures: int, *, key_at: frozenset[int] = frozenset(), first: int = 65_530) -> list[list[bytes]]:
    """The packets of some pictures of the test pattern, 15 pictures a second. The sequence numbers wrap around soon."""
    encoder, bars = Vp8Encoder(), Bars(640, 480)
    packets: list[list[bytes]] = []
    number = first
    for picture in range(pictures):
        frame = bars.draw(picture * 40, 1_000.0 + picture)
        frame.pts, frame.time_base = picture, Fraction(1, 15)
        payloads, timestamp = encoder.encode(frame, force_keyframe=picture in key_at)
        packets.append([])
        for payload in payloads:
            marker = int(payload is payloads[-1])
            rtp = RtpPacket(96, marker, number & 0xFFFF, (timestamp + 2**32 - 9_000) & 0xFFFFFFFF, SSRC, payload)
            packets[-1].append(rtp.serialize())
            number += 1
    return packets


def feedback(reception: Reception) -> list[AnyRtcpPacket]:
    return [packet for data in reception.take_feedback() for packet in RtcpPacket.parse(data)]


def asked_for(packets: list[AnyRtcpPacket]) -> list[int]:
    return [n for p in packets if isinstance(p, RtcpRtpfbPacket) and p.fmt == RTCP_RTPFB_NACK for n in p.lost]


def key_frame_asked(packets: list[AnyRtcpPacket]) -> bool:
    return any(isinstance(p, RtcpPsfbPacket) and p.fmt == RTCP_PSFB_PLI and p.media_ssrc == SSRC for p in packets)


def numbers(frames: list[EncodedFrame]) -> list[int]:
    return [int.from_bytes(frame.data, "big") for frame in frames]


def test_pictures_are_put_together_and_their_times_go_on_where_rtp_wraps_around() -> None:
    reception = Reception("video")
    frames = [f for picture in video_packets(6) for packet in picture for f in reception.add(packet, 0.0)]
    assert [frame.key for frame in frames] == [True, False, False, False, False, False]
    assert frames[0].size == key_frame_size(frames[0].data) == (640, 480)
    # The encoder counts in microseconds, so a step may be wrong by one tick.
    assert all(abs(after.timestamp - before.timestamp - 6_000) <= 1 for before, after in itertools.pairwise(frames))
    assert [frame.restarted for frame in frames] == [True, False, False, False, False, False]


def test_a_lost_packet_is_asked_for_and_nothing_is_missing_when_it_comes() -> None:
    reception = Reception("video")
    packets = [packet for picture in video_packets(5) for packet in picture]
    lost = packets.pop(3)
    frames = [f for packet in packets for f in reception.add(packet, 0.1)]
    missing = asked_for(feedback(reception))
    assert missing == [RtpPacket.parse(lost).sequence_number]
    frames += reception.add(lost, 0.2)
    assert len(frames) == 5


@pytest.mark.parametrize("first", [0, 2**16 - 3])
def test_what_was_lost_where_the_numbers_begin_again_is_asked_for_like_any_other(first: int) -> None:
    reception = Reception("video")
    for number in (first, first + 6):
        reception.add(RtpPacket(96, 0, number & 0xFFFF, 0, SSRC, b"\x10\0").serialize(), 0.1)
    assert asked_for(feedback(reception)) == [number & 0xFFFF for number in range(first + 1, first + 6)]


def test_after_a_loss_for_good_pictures_go_on_with_the_key_frame_that_is_asked_for() -> None:
    reception = Reception("video")
    pictures = video_packets(12, key_at=frozenset({9}))
    del pictures[2][0]
    frames = []
    asked_at = None
    for number, picture in enumerate(pictures):
        for packet in picture:
            frames += reception.add(packet, number * 0.1)
        if key_frame_asked(feedback(reception)) and asked_at is None:
            asked_at = number
    assert asked_at == 8, "after waiting 0.4 seconds for the packet"
    assert [round((frame.timestamp - frames[0].timestamp) / 6_000) for frame in frames] == [0, 1, 9, 10, 11]
    assert frames[2].key


def test_who_comes_in_the_middle_asks_for_a_key_frame_and_gets_no_picture_before_it() -> None:
    reception = Reception("video")
    pictures = video_packets(6, key_at=frozenset({4}))[1:]
    frames, asked = [], []
    for number, picture in enumerate(pictures):
        for packet in picture:
            frames += reception.add(packet, number * 0.1)
        asked.append(key_frame_asked(feedback(reception)))
    assert asked == [False, False, True, False, False]
    assert [frame.key for frame in frames] == [True, False]


def test_lost_sound_is_not_waited_for_long() -> None:
    reception = Reception("audio")
    frames = [f for n in range(12) if n != 3 for f in reception.add(audio_packet(n), n * 0.02)]
    assert numbers(frames) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert {frame.arrived for frame in frames if frame.timestamp < 9 * 960} <= {0.0, 0.02, 0.04, 0.2}


def test_packets_that_carry_nothing_are_no_loss() -> None:
    reception = Reception("audio")
    frames = [f for n in range(5) for f in reception.add(audio_packet(n, payload=b"" if n == 2 else None), 0.0)]
    assert numbers(frames) == [0, 1, 3, 4]


@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF))
def test_packets_in_any_order_give_frames_in_order_once_each(chance: random.Random, first: int) -> None:
    reception = Reception("audio")
    packets = [audio_packet(first + n) for n in range(1, 60) for _ in range(chance.choice((1, 1, 2)))]
    packets.sort(key=lambda packet: RtpPacket.parse(packet).timestamp / 960 + chance.random() * 20)
    got = numbers([f for packet in [audio_packet(first), *packets] for f in reception.add(packet, 0.0)])
    assert got == list(range(first, first + 60))


@given(st.lists(st.binary(max_size=80) | st.builds(b"\x90\x60".__add__, st.binary(min_size=10, max_size=60))))
def test_whatever_comes_gives_frames_or_nothing(packets: list[bytes]) -> None:
    for reception in (Reception("video"), Reception("audio")):
        for packet in packets:
            reception.add(packet, 0.0)
        feedback(reception)


def test_a_picture_that_never_ends_is_cut_off() -> None:
    reception = Reception("video")
    for number in range(2_000):
        start = b"\x10" if number == 0 else b"\x00"
        assert not reception.add(RtpPacket(96, 0, number, 0, SSRC, start + bytes(1_200)).serialize(), 0.0)
    reception.add(RtpPacket(96, 0, 2_000, 0, SSRC, b"\x00").serialize(), 1.0)
    assert key_frame_asked(feedback(reception))


def test_a_new_sender_takes_the_place_of_the_old_one() -> None:
    reception = Reception("audio")
    timeline = Timeline("audio", 0.0)
    frames = [f for n in range(50) for f in reception.add(audio_packet(n), n * 0.02)]
    frames += [f for n in range(50) for f in reception.add(audio_packet(90_000 + n, ssrc=8), 1.5 + n * 0.02)]
    assert [frame.restarted for frame in frames].count(True) == 2
    places = [timeline.place(frame) for frame in frames]
    assert places == [n * 960 for n in range(50)] + [72_000 + n * 960 for n in range(50)]


def test_sound_of_the_next_leg_begins_where_that_of_the_last_one_ends() -> None:
    timeline = Timeline("audio", 0.0)
    # The last leg's sound came in a burst, and lasts until 0.2 s.
    burst = [EncodedFrame("audio", SOUND, n * 960, 0.0, restarted=n == 0) for n in range(10)]
    after = [EncodedFrame("audio", SOUND, 70_000 + n * 960, 0.1 + n * 0.02, restarted=n == 0) for n in range(10)]
    assert [timeline.place(frame) for frame in (*burst, *after)] == [n * 960 for n in range(20)]


def test_frames_with_one_timestamp_are_a_millisecond_apart() -> None:
    timeline = Timeline("audio", 0.0)
    assert [timeline.place(EncodedFrame("audio", SOUND, 0, 0.0)) for _ in range(3)] == [0, 48, 96]


def test_times_follow_the_sender_not_the_jitter_of_the_path() -> None:
    reception, timeline = Reception("audio"), Timeline("audio", 0.0)
    chance = random.Random(1)
    frames = [f for n in range(99) for f in reception.add(audio_packet(n), n and n * 0.02 + chance.random() * 0.1)]
    assert [timeline.place(frame) for frame in frames] == [n * 960 for n in range(99)]


def test_sound_that_a_busy_machine_reads_late_stays_where_it_was_sent() -> None:
    reception, timeline = Reception("audio"), Timeline("audio", 0.0)
    # Nobody reads for four seconds. Then all of it arrives at once.
    frames = [f for n in range(500) for f in reception.add(audio_packet(n), n * 0.02 if not 50 <= n < 250 else 5.0)]
    assert [timeline.place(frame) for frame in frames] == [n * 960 for n in range(500)]


def test_a_sender_whose_clock_stood_still_is_placed_by_arrival_after_a_second() -> None:
    reception, timeline = Reception("audio"), Timeline("audio", 0.0)
    frames = [f for n in range(200) for f in reception.add(audio_packet(n), n * 0.02 + (3.0 if n >= 50 else 0.0))]
    places = [timeline.place(frame) for frame in frames]
    assert places[:100] == [n * 960 for n in range(100)]
    assert places[101:] == [n * 960 + 3 * 48_000 for n in range(101, 200)]


def test_reports_tell_the_sender_what_was_lost_and_when_its_own_report_came() -> None:
    reception = Reception("audio")
    for number in range(100):
        if number % 4:
            reception.add(audio_packet(number), 10 + number * 0.02)
        if number == 50:
            info = RtcpSenderInfo(ntp_timestamp=0x1122_3344_5566_7788, rtp_timestamp=0, packet_count=0, octet_count=0)
            reception.note_report(RtcpSrPacket(ssrc=SSRC, sender_info=info), 11.0)
    *_, report = [p for p in feedback(reception) if isinstance(p, RtcpRrPacket)]
    (block,) = report.reports
    assert block.ssrc == SSRC
    assert block.packets_lost == pytest.approx(13, abs=2)
    assert block.fraction_lost == pytest.approx(64, abs=8)
    assert block.lsr == 0x3344_5566
    assert block.dlsr / 65536 == pytest.approx(0.03, abs=0.03)
