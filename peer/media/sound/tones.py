"""Short tones that a person notices, and tracks that begin with a tone."""

from __future__ import annotations

import array
import asyncio
import math
from collections.abc import Sequence
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from av.packet import Packet
from av.stream import Stream

from peer.media.realtime import FramePace
from peer.media.sound.types import BLOCK_SECONDS, PLAYED_BYTES, SAMPLE_RATE, SAMPLES, on_both_sides, stereo

AMPLITUDE = 6_000
"The peak, of 32,767: clear over a voice, but not startling (-15 dBFS)."

FADE = 480
"How many samples it takes a tone to fade in or out: 10 ms, so that it doesn't click."


def tone(*notes: tuple[float, float]) -> bytes:
    """Notes of (hertz, seconds), one after the other, as 16-bit stereo at 48 kHz, padded to whole blocks of 20 ms."""
    samples = array.array("h")
    for hertz, seconds in notes:
        count = round(seconds * SAMPLE_RATE)
        for n in range(count):
            level = AMPLITUDE * min(1.0, n / FADE, (count - n) / FADE)
            samples.extend((round(level * math.sin(2 * math.pi * hertz * n / SAMPLE_RATE)),) * 2)
    sound = samples.tobytes()
    return sound.ljust(-(-len(sound) // PLAYED_BYTES) * PLAYED_BYTES, b"\0")


class Tone:
    """A tone that is played once. Several tracks, one after the other, may each play a part of it."""

    def __init__(self, sound: bytes) -> None:
        """`sound` is the return value of `tone`."""
        self._blocks: Sequence[bytes] = [sound[at : at + PLAYED_BYTES] for at in range(0, len(sound), PLAYED_BYTES)]
        self._played = 0
        "How many blocks have been played."

    @property
    def over(self) -> bool:
        """Whether the whole tone has been played."""
        return self._played >= len(self._blocks)

    def before(self, track: MediaStreamTrack) -> MediaStreamTrack:
        """A track that begins with the rest of the tone and continues with `track`."""
        return track if self.over else ToneFirst(self, track)

    def next(self) -> bytes | None:
        """The next block, 20 ms of stereo. None if the whole tone has been played."""
        if self.over:
            return None
        self._played += 1
        return self._blocks[self._played - 1]


class ToneFirst(MediaStreamTrack):
    """A track that plays a tone first, and then another track if there is one. The other track waits until then.

    Its frames are made stereo, because an encoder takes one format only. Encoded packets pass unchanged.
    """

    kind = "audio"

    def __init__(self, first: Tone, track: MediaStreamTrack | None = None) -> None:
        super().__init__()
        self.played = asyncio.Event()
        "Set when a frame is requested after the end of the tone."

        self._tone = first
        self._track = track
        self._pace = FramePace()
        self._position = 0
        self._shift: Fraction | None = None
        "How many seconds are added to the other track's timestamps."

    async def recv(self) -> AudioFrame | Packet[Stream]:
        """The next frame. Raises MediaStreamError after the last one."""
        if self._live and not self._tone.over:
            await self._pace.until(self._position * BLOCK_SECONDS)
        block = self._tone.next() if self._live else None
        if block is not None:
            self._position += 1
            return stereo(block, (self._position - 1) * SAMPLES)
        self.played.set()
        if self._track is None or not self._live:
            raise MediaStreamError
        data = await self._track.recv()
        assert isinstance(data, AudioFrame | Packet)
        assert data.pts is not None
        assert data.time_base is not None
        if self._shift is None:
            self._shift = Fraction(self._position * SAMPLES, SAMPLE_RATE) - data.pts * data.time_base
        data.pts += round(self._shift / data.time_base)
        if isinstance(data, AudioFrame) and data.layout.nb_channels == 1:
            return _made_stereo(data)
        return data

    def stop(self) -> None:
        """End this track and the other one."""
        super().stop()
        if self._track is not None:
            self._track.stop()

    @property
    def _live(self) -> bool:
        return self.readyState == "live" and (self._track is None or self._track.readyState == "live")


def _made_stereo(frame: AudioFrame) -> AudioFrame:
    made = stereo(on_both_sides(bytes(frame.planes[0])[: frame.samples * 2]), 0)
    made.pts, made.time_base = frame.pts, frame.time_base
    return made
