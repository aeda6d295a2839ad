from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from peer.media.endpoints.pattern import Bars, BarsTrack, Pattern, ToneTrack
from peer.media.picture import digits
from peer.media.realtime import FramePace
from shared.media import Media
from tests.peer.media.tone import hertz, left_channel
from tests.peer.pair import connected

NOON = 1_763_985_600.7


def luma_row(frame: VideoFrame, y: int) -> bytes:
    plane = frame.planes[0]
    return bytes(plane)[y * plane.line_size :][: frame.width]


def shift_between(before: VideoFrame, after: VideoFrame) -> int:
    """By how many pixels the bars moved to the left."""
    old, new = luma_row(before, 20), luma_row(after, 20)

    def difference(shift: int) -> int:
        return sum(abs(a - b) for a, b in zip(old[shift:] + old[:shift], new, strict=True))

    return min(range(0, 80, 2), key=difference)


def read_clock(frame: VideoFrame) -> str:
    """The ten characters of the clock in a picture of 640x480: dots of 8 pixels, compared with all characters."""
    left, top, dot = 84, 308, 8
    rows = [
        ["#" if luma > 128 else "." for luma in luma_row(frame, top + row * dot + dot // 2)[left + dot // 2 :: dot]]
        for row in range(digits.HEIGHT)
    ]
    known = {tuple(digits.dots(character)): character for character in "0123456789:."}
    width = digits.WIDTH
    return "".join(
        known.get(tuple("".join(row[place * width : (place + 1) * width]) for row in rows), "?") for place in range(10)
    )


async def test_the_other_side_sees_bars_of_the_right_size_that_move() -> None:
    async with connected() as legs:
        pictures = await legs.callee.receive("video")
        pattern = Pattern()
        await pattern.attach(legs.caller, Media.VIDEO, legs.tasks)
        frames = [await pictures.recv() for _ in range(6)]
        await pattern.detach()
    first, last = frames[0], frames[-1]
    assert isinstance(first, VideoFrame)
    assert isinstance(last, VideoFrame)
    assert (first.width, first.height) == (640, 480)
    # 60 pixels a second, by the frames' own timestamps: a frame or two may be lost on a busy machine.
    assert last.time > first.time
    assert shift_between(first, last) == pytest.approx((last.time - first.time) * 60, abs=4)


async def test_the_other_side_hears_440_hz() -> None:
    async with connected() as legs:
        sound = await legs.callee.receive("audio")
        pattern = Pattern()
        await pattern.attach(legs.caller, Media.AUDIO, legs.tasks)
        frames = [await sound.recv() for _ in range(30)]
        await pattern.detach()
        assert legs.callee.counters.video.packets == 0
    # The first frames contain the start of the codec.
    assert hertz(frame for frame in frames[5:] if isinstance(frame, AudioFrame)) == pytest.approx(440, abs=0.5)


async def test_the_tone_has_no_seam() -> None:
    track = ToneTrack(FramePace())
    frames = [await track.recv() for _ in range(12)]
    samples = [sample for frame in frames for sample in left_channel(frame)]
    assert max(abs(a - b) for a, b in itertools.pairwise(samples)) < 300
    assert hertz(frames) == pytest.approx(440, abs=0.01)


def test_the_clock_can_be_read() -> None:
    frame = Bars(640, 480).draw(124, NOON)
    assert read_clock(frame) == "12:00:00.7"


@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 240), (1280, 720), (1920, 16), (16, 1920), (16, 16)])
def test_every_configurable_size_can_be_drawn(width: int, height: int) -> None:
    frame = Bars(width, height).draw(1234, NOON)
    assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")


def test_drawing_costs_a_few_percent_of_a_core_at_most() -> None:
    bars = Bars(640, 480)
    start = time.process_time()
    for number in range(150):
        bars.draw(number * 4, NOON + number / 15)
    assert time.process_time() - start < 0.3, "ten seconds of it"


async def test_a_detached_pattern_leaves_nothing_running() -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        pattern = Pattern()
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        assert asyncio.all_tasks() > before
        sound = await legs.callee.receive("audio")
        await sound.recv()
        await legs.callee.stop_receiving("audio")
        await pattern.detach()
        await pattern.detach()
        assert asyncio.all_tasks() <= before


async def test_an_ended_track_says_so_to_who_waits_for_it() -> None:
    for track in (BarsTrack(FramePace(), Bars(64, 48), 15), ToneTrack(FramePace())):
        await track.recv()
        waiting = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        track.stop()
        with pytest.raises(MediaStreamError):
            await waiting
        with pytest.raises(MediaStreamError):
            await track.recv()


async def test_after_a_stall_frames_keep_their_distance() -> None:
    loop = asyncio.get_running_loop()
    pace = FramePace()
    await pace.until(0)
    time.sleep(0.25)  # noqa: ASYNC251 - the machine stood still
    await pace.until(0.02)
    resumed = loop.time()
    await pace.until(0.07)
    assert loop.time() - resumed > 0.045, "not at once, to catch up"
