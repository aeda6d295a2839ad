"""The speaker of this machine, playing what arrives on a leg."""

from __future__ import annotations

import array
import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import av
from av import AudioResampler, CodecContext
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet

from peer.media.devices.device_words import SPEAKER
from peer.media.devices.follower import FollowedDevice
from peer.media.ending import end
from peer.media.rtp import opus
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.rtp.incoming import Incoming
from peer.media.sound.types import SAMPLE_RATE, SoundSink, SoundSystem
from peer.media.trouble import MediaTrouble
from peer.transport.profile import OPUS
from shared.errors import MediaError
from shared.media import Media
from shared.rate import Bucket, Limit

if TYPE_CHECKING:
    from peer.transport.leg import Leg

WAITING_FRAMES = 5
"Frames that may wait for the speaker after a burst; then the oldest is dropped."

WATCHED_FRAMES = 25
"""Half a second. If in all of it some frames were always waiting, the backlog would never drain and all sound would lag
by it."""

PATIENCE = 0.015
"Seconds that a missing packet is waited for: until the one after the next has come."

CONCEALED_BLOCKS = 5
"How many lost packets in a row are played as a fading echo of what was before; then there is silence."


SOUND = Limit(at_once=1000, per_second=1500.0)
"""Milliseconds of sound that are decoded. More can't be played, and a packet of a few bytes may hold 120 of them, with
a hole before it that costs five times as much to fill."""


class Sound:
    """Opus packets in, samples for a speaker out. Not aiortc's decoder, whose jitter buffer holds back 80 ms."""

    def __init__(self) -> None:
        codec = CodecContext.create(OPUS.library, "r")
        assert isinstance(codec, AudioCodecContext)
        self._codec = codec
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.layout = "stereo"
        self._resampler = AudioResampler("s16", "stereo", SAMPLE_RATE)
        self._limit = Bucket(SOUND)
        self._last = b""
        self._due = 0
        "The RTP timestamp of what comes next."

    def add(self, frame: EncodedFrame) -> Iterator[bytes]:
        """What to play: a replacement for packets that are missing before this one, then its own samples.

        All 16-bit stereo. A damaged packet gives nothing, nor does one that comes faster than it could be played.
        """
        if not frame.data or not self._limit.takes(frame.arrived, max(1, opus.milliseconds(frame.data))):
            return
        samples = b"".join(self._samples(frame.data))
        if not samples:
            return
        missing = (frame.timestamp - self._due) * 4 // len(self._last) if self._last and not frame.restarted else 0
        for _ in range(min(missing, CONCEALED_BLOCKS)):
            # Without it the speaker would run empty, and start again with a pause.
            self._last = _softer(self._last)
            yield self._last
        self._last, self._due = samples, frame.timestamp + len(samples) // 4
        yield samples

    def _samples(self, data: bytes) -> Iterator[bytes]:
        try:
            frames = self._codec.decode(Packet(data))
        except av.FFmpegError:
            return
        for frame in frames:
            for stereo in self._resampler.resample(frame):
                yield bytes(stereo.planes[0])[: stereo.samples * 4]


class Speaker:
    """An open speaker. It stays open from leg to leg of a call."""

    def __init__(
        self,
        system: SoundSystem,
        name: str,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
        came: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is the configured one, empty for the system's default. `tell` is called when it goes or comes back.

        `came` is called when another one has come.
        """
        self.device: FollowedDevice[SoundSink] = FollowedDevice(
            SPEAKER, name, lambda: system.devices("speaker", name), system.speak, tell, came
        )
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(WAITING_FRAMES)
        self._playing: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the device, or what replaces it."""
        await self.device.open(tasks)
        self._playing = tasks.create_task(self._play())

    async def attach(self, leg: Leg, tasks: asyncio.TaskGroup) -> None:
        """Play what arrives on this leg, and no longer that of the one before."""
        await self.detach()
        self._hearing = tasks.create_task(self._hear(Incoming(leg, Media.AUDIO, patience=PATIENCE)))

    async def detach(self) -> None:
        """Play nothing any more."""
        hearing, self._hearing = self._hearing, None
        await end(hearing)

    async def close(self) -> None:
        """Let go of the device."""
        await self.detach()
        playing, self._playing = self._playing, None
        await end(playing)
        await self.device.close()

    async def _hear(self, incoming: Incoming) -> None:
        sound = Sound()
        incoming.open()
        try:
            while True:
                for frame in await incoming.next() or ():
                    for samples in sound.add(frame):
                        self._put(samples)
        finally:
            incoming.close()

    def _put(self, samples: bytes) -> None:
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(samples)

    async def _play(self) -> None:
        least = WAITING_FRAMES
        for number in itertools.count(1):
            samples = await self._frames.get()
            least = min(least, self._frames.qsize())
            if number % WATCHED_FRAMES == 0:
                if least:
                    self._frames.get_nowait()
                least = WAITING_FRAMES
            sink = await self.device.get()
            try:
                await sink.write(samples)
            except MediaError:
                self.device.lost(sink)


def _softer(samples: bytes) -> bytes:
    return array.array("h", (sample // 2 for sample in array.array("h", samples))).tobytes()
