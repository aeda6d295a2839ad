"""Tracks of encoded packets: what begins first, also on a leg."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, VideoFrame

from peer.transport.audio_first import STEPS, PathState, Plan, plan
from peer.transport.encoding import PATIENCE_SECONDS, SMALLER, EncodedTrack
from peer.transport.profile import OPUS, VIDEO_PAYLOAD_TYPE, Kind
from tests.peer.pair import PATIENCE, connected


class Given(MediaStreamTrack):
    """Frames that a test provides."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.frames: asyncio.Queue[AudioFrame | VideoFrame] = asyncio.Queue()
        self.taken = asyncio.Event()
        "Set when a frame has been taken."

    async def recv(self) -> AudioFrame | VideoFrame:
        frame = await self.frames.get()
        self.taken.set()
        return frame


def sound() -> AudioFrame:
    frame = AudioFrame("s16", "stereo", OPUS.clock_rate // 50)
    frame.sample_rate, frame.pts, frame.time_base = OPUS.clock_rate, 0, Fraction(1, OPUS.clock_rate)
    return frame


def picture(number: int = 0) -> VideoFrame:
    frame = VideoFrame(64, 48, "yuv420p")
    frame.pts, frame.time_base = 3_000 * number, Fraction(1, 90_000)
    return frame


class Pair:
    """Sound and picture of one side, the other side's first sound, and the order in which our frames are encoded."""

    def __init__(self, patience: float) -> None:
        self.microphone, self.camera = Given("audio"), Given("video")
        self.order: list[Kind] = []
        self.sound = EncodedTrack(self.microphone, "audio", lambda: self._planned("audio"))
        self.theirs = asyncio.Event()
        before = (self.sound.begun, self.theirs)
        self.picture = EncodedTrack(self.camera, "video", lambda: self._planned("video"), before, patience=patience)

    def _planned(self, kind: Kind) -> Plan:
        self.order.append(kind)
        return plan(PathState(), None, 0.0)


async def test_the_first_picture_is_taken_after_the_first_sound() -> None:
    pair = Pair(patience=PATIENCE)
    pair.theirs.set()
    pair.camera.frames.put_nowait(picture())
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(pair.picture.recv())
        await _it_could_go_on()
        assert not pair.camera.taken.is_set()
        for _ in range(2):  # an encoder may keep the first one
            pair.microphone.frames.put_nowait(sound())
        group.create_task(pair.sound.recv())
    assert pair.order[0] == "audio"
    assert pair.order[-1] == "video"


async def test_the_first_picture_is_taken_after_the_other_sides_first_sound() -> None:
    pair = Pair(patience=PATIENCE)
    pair.sound.begun.set()
    pair.camera.frames.put_nowait(picture())
    async with asyncio.timeout(PATIENCE):
        encoded = asyncio.create_task(pair.picture.recv())
        await _it_could_go_on()
        assert not pair.camera.taken.is_set()
        pair.theirs.set()
        await encoded
    assert pair.order == ["video"]


async def _it_could_go_on() -> None:
    """Give other tasks enough turns of the loop to continue, unless something blocks them."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_the_first_picture_of_a_leg_waits_for_a_sound_that_never_comes_as_long_as_it_may() -> None:
    camera, microphone = Given("video"), Given("audio")
    came: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def tap(packet: bytes) -> None:
        if packet[1] & 0x7F == VIDEO_PAYLOAD_TYPE and not came.done():
            came.set_result(time.monotonic())

    async with connected() as legs:
        legs.callee.tap(tap)
        await legs.caller.send(microphone)
        begun = time.monotonic()
        await legs.caller.send(camera)
        for _ in range(2):
            microphone.frames.put_nowait(sound())
        camera.frames.put_nowait(picture())
        async with asyncio.timeout(PATIENCE):
            waited = await came - begun
    assert waited >= PATIENCE_SECONDS


async def test_a_picture_does_not_wait_long_for_sound_and_not_for_a_sound_that_has_ended() -> None:
    for patience, ended in ((0.0, False), (2 * PATIENCE, True)):
        pair = Pair(patience)
        if ended:
            pair.sound.stop()
            pair.theirs.set()
        pair.camera.frames.put_nowait(picture())
        async with asyncio.timeout(PATIENCE):
            await pair.picture.recv()
        assert pair.order == ["video"]


async def test_only_the_first_picture_waits() -> None:
    pair = Pair(patience=0.0)
    pair.camera.frames.put_nowait(picture())
    async with asyncio.timeout(PATIENCE):
        await pair.picture.recv()
        pair.camera.frames.put_nowait(picture())
        await pair.picture.recv()
    assert pair.order == ["video", "video"]


async def test_a_whole_picture_that_is_asked_for_is_made_where_not_every_picture_is_sent() -> None:
    little, left_out = Plan(STEPS[0].sound, 0, SMALLER[0][0] - 1), SMALLER[0][2]
    camera = Given("video")
    track = EncodedTrack(camera, "video", lambda: little)
    for number in range(3 * (left_out + 1)):
        camera.frames.put_nowait(picture(number))
    async with asyncio.timeout(PATIENCE):
        first, second = await track.recv(), await track.recv()
        track.want_whole()
        third = await track.recv()
    # RFC 6386, section 9.1: the bit is 0 in a whole one.
    assert [bytes(each)[0] & 1 for each in (first, second, third)] == [0, 1, 0]
