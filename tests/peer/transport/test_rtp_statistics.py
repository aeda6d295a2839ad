"""Counting arriving packets as RFC 3550 does."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.rtp_statistics import IDLE_SECONDS, MAX_EXTENSIONS, MAX_STREAMS, MediaCounters, StreamCounter


def counted(sequences: list[int]) -> StreamCounter:
    stream = StreamCounter(48000)
    for number, sequence in enumerate(sequences):
        stream.add(sequence % 2**16, number * 960, 100, number * 0.02)
    return stream


def rtp(payload_type: int = 111, *, sequence: int = 1, ssrc: int = 7, size: int = 30, first: int = 0x80) -> bytes:
    return struct.pack("!BBHLL", first, payload_type, sequence, 0, ssrc) + bytes(size - 12)


def test_nothing_is_lost_of_a_whole_stream_or_of_none() -> None:
    assert counted([]).lost == 0
    stream = counted(list(range(500)))
    assert (stream.packets, stream.bytes, stream.lost) == (500, 50000, 0)


def test_gaps_are_counted_as_lost() -> None:
    assert counted([1, 2, 5, 6, 10]).lost == 5


def test_a_late_packet_is_not_lost() -> None:
    stream = counted([1, 2, 5])
    assert stream.lost == 2
    stream.add(3, 0, 100, 1.0)
    assert stream.lost == 1


def test_sequence_numbers_start_again_after_65535() -> None:
    assert counted([65534, 65535, 0, 1]).lost == 0
    assert counted([65534, 1, 2]).lost == 2
    assert counted(list(range(65500, 65500 + 3 * 2**16, 50))).lost == 3 * 2**16 // 50 * 49


def test_a_packet_that_comes_twice_never_makes_the_loss_negative() -> None:
    stream = counted([1, 1, 1, 2, 2])
    assert (stream.packets, stream.lost) == (5, 0)


def test_a_sender_that_starts_anew_is_not_counted_as_a_gap() -> None:
    assert counted([1, 3, 40000, 40001, 40002, 40004]).lost == 2


def test_one_wild_number_changes_nothing() -> None:
    assert counted([1, 2, 40000, 3, 4, 20000, 5]).lost == 0


@given(st.integers(0, 2**16 - 1), st.sets(st.integers(1, 998), max_size=200), st.integers())
def test_what_was_taken_out_is_what_is_lost(start: int, taken: set[int], seed: int) -> None:
    order = random.Random(seed)
    left = [number for number in range(1000) if number not in taken]
    # Neighbours change places, except the first: nobody can expect a packet before the first one.
    for at in range(1, len(left) - 2, 2):
        if order.random() < 0.3:
            left[at], left[at + 1] = left[at + 1], left[at]
    assert counted([start + number for number in left]).lost == len(taken)


@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1))))
def test_no_stream_is_too_strange(packets: list[tuple[int, int]]) -> None:
    stream = StreamCounter(90000)
    for number, (sequence, timestamp) in enumerate(packets):
        stream.add(sequence, timestamp, 10, number * 0.001)
    assert stream.packets == len(packets)
    assert stream.lost >= 0
    assert stream.jitter >= 0


def test_packets_at_an_even_pace_have_no_jitter() -> None:
    assert counted(list(range(1000))).jitter == pytest.approx(0, abs=1e-9)


def test_jitter_comes_close_to_the_mean_deviation() -> None:
    stream = StreamCounter(48000)
    for number in range(1000):
        # Every other packet is 5 ms late, so each differs by 5 ms from the one before.
        stream.add(number, number * 960 + 2**32 - 960, 100, number * 0.02 + number % 2 * 0.005)
    assert stream.jitter == pytest.approx(0.005, rel=0.01)


def test_packets_are_sorted_by_payload_type_and_ssrc() -> None:
    counters = MediaCounters()
    assert counters.add_rtp(rtp(111, ssrc=1), 10.0) == "audio"
    assert counters.add_rtp(rtp(96 | 0x80, ssrc=2, size=500), 11.0) == "video"
    assert counters.add_rtp(rtp(96, ssrc=3, sequence=5), 12.0) == "video"
    assert counters.add_rtp(rtp(96, ssrc=3, sequence=8), 13.0) == "video"
    assert (counters.audio.packets, counters.audio.bytes, counters.audio.first_arrival) == (1, 30, 10.0)
    assert (counters.video.packets, counters.video.bytes, counters.video.first_arrival) == (3, 560, 11.0)
    assert list(counters.video.streams) == [2, 3]
    assert (counters.audio.lost, counters.video.lost) == (0, 2)
    assert (counters.audio.newest, counters.video.newest) == (1, 3)


def test_silence_that_can_be_heard_is_counted() -> None:
    counters = MediaCounters()
    for arrival in (1.0, 1.02, 1.119, 1.25, 1.26, 9.0):
        counters.add_rtp(rtp(), arrival)
    assert (counters.audio.gaps, counters.video.gaps) == (2, 0)


def test_nothing_has_arrived_at_first() -> None:
    counters = MediaCounters()
    assert counters.of("audio").first_arrival is counters.of("video").newest is None
    assert counters.of("audio").lost == counters.of("video").packets == 0


@pytest.mark.parametrize("packet", [b"", bytes(12), rtp()[:11], rtp(0), rtp(100), rtp(first=0x40)])
def test_what_is_not_of_the_profile_is_malformed(packet: bytes) -> None:
    counters = MediaCounters()
    assert counters.add_rtp(packet, 1.0) is None
    assert counters.malformed == 1
    assert counters.audio.packets == counters.video.packets == 0


def test_the_other_side_cannot_fill_the_memory_with_streams() -> None:
    counters = MediaCounters()
    for ssrc in range(10 * MAX_STREAMS):
        counters.add_rtp(rtp(ssrc=ssrc), 1.0)
    assert counters.audio.packets == 10 * MAX_STREAMS
    assert len(counters.audio.streams) == MAX_STREAMS


def test_a_stream_that_has_ended_gives_way_to_a_new_one_and_its_losses_still_count() -> None:
    counters = MediaCounters()
    began: list[str] = []
    counters.streams.listen(began.append)
    for ssrc in range(2 * MAX_STREAMS):
        at = ssrc * (IDLE_SECONDS + 1.0)
        for sequence in (1, 3):
            counters.add_rtp(rtp(sequence=sequence, ssrc=ssrc), at)
    assert len(counters.audio.streams) == MAX_STREAMS
    assert counters.audio.newest == 2 * MAX_STREAMS - 1
    assert counters.audio.lost == len(began) == 2 * MAX_STREAMS


def test_new_streams_begin_no_more_often_than_old_ones_can_have_ended() -> None:
    counters = MediaCounters()
    began: list[str] = []
    counters.streams.listen(began.append)
    for packet in range(10_000):
        counters.add_rtp(rtp(ssrc=packet), packet * 0.001)
    assert len(began) <= MAX_STREAMS * (1 + 10_000 * 0.001 / IDLE_SECONDS)


@pytest.mark.parametrize("sources", [0, 15])
def test_a_packet_that_is_full_of_header_extensions_is_none(sources: int) -> None:
    counters = MediaCounters()
    for words, wanted in ((MAX_EXTENSIONS, "audio"), (MAX_EXTENSIONS + 1, None), (0xFFFF, None)):
        extensions = bytes(4 * sources) + b"\xbe\xde" + words.to_bytes(2, "big")
        packet = rtp(first=0x90 | sources, size=12) + extensions + bytes(1_300)
        assert counters.add_rtp(packet, 0.0) == wanted
    assert counters.malformed == 2
