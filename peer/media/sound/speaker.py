"""Plays what arrives on a leg on this machine's speaker."""

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
"How many frames may wait for the speaker after a burst. Then the oldest is dropped."

WATCHED_FRAMES = 25
"Half a second of frames. If some frames always waited during it, all sound would lag, so one of them is dropped."

PATIENCE = 0.015
"How many seconds to wait for a missing packet: until the packet after the next one has come."

CONCEALED_BLOCKS = 5
"How many lost packets in a row are replaced by a fading echo of the sound before. Then there is silence."


SOUND = Limit(at_once=1000, per_second=1500.0)
"""How many milliseconds of sound are decoded. More couldn't be played. A packet of a few bytes may hold 120 ms, and a
gap before it costs five times as much to fill."""


class Sound:
    """Decodes Opus packets into samples for a speaker. aiortc's decoder would add 80 ms in its jitter buffer."""

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
        "The RTP timestamp of the next expected frame."

    def add(self, frame: EncodedFrame) -> Iterator[bytes]:
        """The sound to play: replacements for missing packets before this frame, then the frame's own samples.

        All of it is 16-bit stereo. A damaged frame gives nothing, and so does a frame that comes faster than it can be
        played.
        """
        if not frame.data or not self._limit.takes(frame.arrived, max(1, opus.milliseconds(frame.data))):
            return
        samples = b"".join(self._samples(frame.data))
        if not samples:
            return
        missing = (frame.timestamp - self._due) * 4 // len(self._last) if self._last and not frame.restarted else 0
        for _ in range(min(missing, CONCEALED_BLOCKS)):
            # Otherwise the speaker would run empty, and restart after a pause.
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
        appeared: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is the configured name, empty for the system's default.

        `tell` is called when the speaker goes or comes back, `appeared` when another one was plugged in.
        """
        self.device: FollowedDevice[SoundSink] = FollowedDevice(
            SPEAKER, name, lambda: system.devices("speaker", name), system.speak, tell, appeared
        )
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(WAITING_FRAMES)
        self._playing: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the speaker, or another one while it is missing."""
        await self.device.open(tasks)
        self._playing = tasks.create_task(self._play())

    async def attach(self, leg: Leg, tasks: asyncio.TaskGroup) -> None:
        """Play what arrives on this leg instead of the previous one."""
        await self.detach()
        self._hearing = tasks.create_task(self._hear(Incoming(leg, Media.AUDIO, patience=PATIENCE)))

    async def detach(self) -> None:
        """Stop playing."""
        hearing, self._hearing = self._hearing, None
        await end(hearing)

    async def close(self) -> None:
        """Close the speaker."""
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
