"""Whatever numbers the other side puts into its packets, each packet costs a bounded amount of work and memory.

Work is counted in steps of the interpreter, not in seconds, so the bounds hold on any machine.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from aiortc.rtp import RTCP_PSFB_APP, HeaderExtensionsMap, RtcpPacket, RtcpPsfbPacket, RtpPacket, unpack_remb_fci
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.media.endpoints.echo import MAX_QUEUED, MirrorTrack
from peer.media.endpoints.recorder import RecordingFile
from peer.media.rtp.depacketizer import MAX_FRAME, MAX_MISSING, MAX_SPAN, MAX_WAITING, EncodedFrame, Reception
from peer.media.rtp.timeline import Timeline
from peer.media.sound.speaker import CONCEALED_BLOCKS, SOUND, Sound
from peer.media.sound.types import SAMPLE_RATE
from peer.transport.profile import Kind, receive_parameters
from shared.media import Media

STEPS = 4_000
"Steps of the interpreter that a packet may take on average: several times the steps of an honest packet."

AT_ONCE = 100_000
"Steps that one packet may take: putting MAX_SPAN packets in order, and a search through them."

PAYLOADS: dict[Kind, int] = {"audio": 111, "video": 96}


def steps(work: Callable[[], object]) -> int:
    """How many steps the interpreter takes for some work."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def rtp(kind: Kind, number: int, *, ssrc: int = 1, timestamp: int = 0, payload: bytes = b"\x10\0\0") -> bytes:
    return RtpPacket(PAYLOADS[kind], 0, number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload).serialize()


def costs(kind: Kind, packets: Iterable[bytes]) -> list[int]:
    """The steps for each packet, one packet a millisecond, including the requests to the sender."""
    reception = Reception(kind)

    def take(data: bytes, now: float) -> None:
        frames = reception.add(data, now)
        assert sum(len(frame.data) for frame in frames) <= MAX_WAITING + MAX_FRAME
        assert sum(map(len, reception.take_feedback())) < 1_000
        source = reception._source
        assert source is not None
        assert len(source._waiting) <= MAX_SPAN + 1
        assert len(source._order) <= 2 * MAX_SPAN

    return [steps(lambda data=data, at=at: take(data, at / 1000)) for at, data in enumerate(packets)]  # type: ignore[misc]


def test_a_hole_and_then_great_jumps_cost_no_more_than_honest_packets() -> None:
    numbers, number = [0], 100
    for _ in range(600):
        number += 2_900
        numbers += [number]
    spent = costs("video", (rtp("video", number) for number in numbers))
    assert sum(spent) < STEPS * len(spent)
    assert max(spent) < AT_ONCE


def test_a_thousand_packets_that_wait_for_one_cost_no_more_than_honest_packets() -> None:
    order = [0, *range(2, 1_200), 1, *range(1_200, 1_210)]
    spent = costs("audio", (rtp("audio", number) for number in order))
    assert sum(spent) < STEPS * len(spent)
    assert max(spent) < AT_ONCE


JUMPS = st.sampled_from([1, 1, 1, 2, 3, 50, MAX_MISSING, MAX_MISSING + 1, MAX_SPAN, MAX_SPAN + 1, 2_900, 3_000, 3_001])


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["audio", "video"]),
    moves=st.lists(
        st.tuples(JUMPS, st.sampled_from([1, 1, 1, -1]), st.integers(1, 3), st.integers(0, 2**32 - 1)),
        min_size=50,
        max_size=250,
    ),
)
def test_no_sequence_of_numbers_costs_more_than_its_share(kind: Kind, moves: list[tuple[int, int, int, int]]) -> None:
    number, packets = 0, []
    for jump, sign, ssrc, timestamp in moves:
        number += jump * sign
        packets.append(rtp(kind, number, ssrc=ssrc if ssrc > 2 else 1, timestamp=timestamp))
    spent = costs(kind, packets)
    assert sum(spent) < STEPS * len(spent)
    assert max(spent) < AT_ONCE


def test_large_packets_that_wait_are_few() -> None:
    reception = Reception("video")
    reception.add(rtp("video", 0), 0.0)
    for number in range(2, 100):
        reception.add(rtp("video", number, payload=bytes([0]) * 60_000), 0.0)
        assert reception._source is not None
        assert reception._source._waiting_size <= MAX_WAITING


def test_a_picture_of_tiny_fragments_that_never_ends_keeps_only_their_bytes() -> None:
    reception = Reception("video")
    for number in range(20_000):
        reception.add(rtp("video", number, payload=b"\x10\1" if number == 0 else b"\0\1"), 0.0)
    source = reception._source
    assert source is not None
    assert source._picture is not None
    assert len(source._picture) == 20_000


def test_a_thousand_senders_are_not_remembered_and_the_bit_rate_names_the_last() -> None:
    reception, extensions = Reception("video"), HeaderExtensionsMap()
    extensions.configure(receive_parameters("video"))
    named: list[tuple[int, list[int]]] = []
    for number in range(1_000):
        packet = RtpPacket(96, 0, number, number * 90, number + 1, b"\x10\0\0")
        packet.extensions.abs_send_time = number * 2_621 & 0xFFFFFF
        reception.add(packet.serialize(extensions), number / 100)
        said = [packet for data in reception.take_feedback() for packet in RtcpPacket.parse(data)]
        rates = [each for each in said if isinstance(each, RtcpPsfbPacket) and each.fmt == RTCP_PSFB_APP]
        named.extend((number + 1, unpack_remb_fci(rate.fci)[1]) for rate in rates)
    assert named
    assert all(ssrcs == [latest] for latest, ssrcs in named)


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.booleans()), min_size=1, max_size=100))
def test_times_in_a_recording_follow_the_clock_whatever_the_sender_says(said: list[tuple[int, bool]]) -> None:
    timeline = Timeline("audio", 0.0)
    for number, (timestamp, restarted) in enumerate(said):
        frame = EncodedFrame("audio", b"", timestamp, number * 0.02, restarted=restarted)
        assert abs(timeline.place(frame) / 48_000 - number * 0.02) <= 2.0


async def test_an_echo_that_is_held_up_keeps_a_bounded_number_of_bytes() -> None:
    track, frame = MirrorTrack("video"), EncodedFrame("video", bytes(MAX_FRAME), 0, 0.0)
    taken = sum(track.put(frame) for _ in range(64))
    assert taken == MAX_QUEUED // MAX_FRAME
    for _ in range(taken):
        await track.recv()
    assert track.put(frame)


async def test_others_get_their_turn_between_the_frames_of_an_echo() -> None:
    """The sender waits for nothing else, and sends all packets of a frame in one go."""
    track, turns = MirrorTrack("audio"), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    while track.put(EncodedFrame("audio", b"x", 0, 0.0)):
        pass
    counting = asyncio.create_task(others())
    for taken in range(1, 30):
        await track.recv()
        assert turns >= taken
    counting.cancel()


def test_a_recording_of_pictures_without_a_size_or_of_tiny_frames_is_written_all_the_while() -> None:
    recording = RecordingFile(io.BytesIO(), Media.BOTH)
    taken = 0
    while not recording.due and taken < 5_000:
        recording.add(EncodedFrame("video", b"\0", 0, 0.0, size=(0, 0)))
        taken += 1
    assert recording.due


def test_a_pause_of_a_day_costs_what_a_packet_costs() -> None:
    reception = Reception("video")
    extensions = HeaderExtensionsMap()
    extensions.configure(receive_parameters("video"))

    def packet(number: int) -> bytes:
        made = RtpPacket(PAYLOADS["video"], 0, number, 0, 1, b"\x10\0\0")
        made.extensions.abs_send_time = number
        return made.serialize(extensions)

    for number in range(3):
        reception.add(packet(number), number / 1000)
    assert steps(lambda: reception.add(packet(3), 86_400.0)) <= AT_ONCE


def test_sound_that_comes_faster_than_it_can_be_played_is_neither_decoded_nor_are_its_holes_filled() -> None:
    sound = Sound()
    # 120 ms in two bytes (RFC 6716, section 3.2.5), with a hole before each, a millisecond apart.
    packets = [EncodedFrame("audio", b"\xff\x06", 50_000 * n, n / 1000) for n in range(1_000)]
    played = sum(len(samples) for frame in packets for samples in sound.add(frame))
    second = SAMPLE_RATE * 4
    assert second <= played <= (SOUND.at_once + SOUND.per_second) / 1000 * (1 + CONCEALED_BLOCKS) * second
    # The next packet that arrives in time is heard.
    assert list(sound.add(EncodedFrame("audio", b"\xff\x06", 50_000 * 1_001, 3.0)))
