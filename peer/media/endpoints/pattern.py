"""The test picture and tone: moving colour bars with a clock, and a steady 440 Hz."""

from __future__ import annotations

import array
import asyncio
import functools
import math
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from peer.media.picture import digits
from peer.media.realtime import FramePace
from peer.media.rtp.sending import Sending
from peer.media.sound.types import SAMPLE_RATE, SAMPLES
from shared.config.schema import Config
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

SPEED = 60
"How far the bars move to the left, in pixels per second."

BARS = (
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
)
"Y, Cb, Cr of white, yellow, cyan, green, magenta, red and blue at 75 %, and of black (ITU-R BT.601, EBU bars)."

BLACK, WHITE = 16, 235

TONE_HZ = 440
AMPLITUDE = 5_000
"The peak of the tone, of 32,767: clear, but not loud (-16 dBFS)."


class Bars:
    """Draws the picture from rows that are prepared once. So a frame takes a few copies and no loop over pixels."""

    def __init__(self, width: int, height: int) -> None:
        """`width` and `height` are even numbers of pixels."""
        self._width, self._height = width, height
        self._rows = _rows(width)
        self._dot = min(width // 80, height // 24)
        "The width and height of the clock's dots in pixels. In 640x480 its digits are 56 pixels high."

    def draw(self, shift: int, seconds: float) -> VideoFrame:
        """One YUV 4:2:0 frame: bars `shift` pixels to the left, and over them the UTC time `seconds`."""
        frame = VideoFrame(self._width, self._height, "yuv420p")
        shift %= self._width
        for number, (plane, row) in enumerate(zip(frame.planes, self._rows, strict=True)):
            start = shift if number == 0 else shift // 2
            line = row[start : start + plane.width].ljust(plane.line_size, b"\0")
            plane.update(line * plane.height)
        self._draw_clock(frame, _clock_text(seconds))
        return frame

    def _draw_clock(self, frame: VideoFrame, text: str) -> None:
        """Draw white text on a black box, in the middle of the lower half. The box also removes the bars' colour."""
        blank = "." * (digits.WIDTH * len(text) + 1)
        rows = [blank, *("." + row for row in digits.dots(text)), blank]
        dot = self._dot
        left, top = (self._width - len(blank) * dot) // 2 & ~1, self._height * 5 // 8 & ~1
        luma, *chroma = frame.planes
        view, pitch = memoryview(luma), luma.line_size
        lit, dark = bytes([WHITE]) * dot, bytes([BLACK]) * dot
        for number, row in enumerate(rows):
            line = b"".join(lit if character == "#" else dark for character in row)
            start = (top + number * dot) * pitch + left
            for at in range(start, start + dot * pitch, pitch):
                view[at : at + len(line)] = line
        grey = bytes([128]) * (len(blank) * dot // 2)
        for plane in chroma:
            view, pitch = memoryview(plane), plane.line_size
            start = top // 2 * pitch + left // 2
            for at in range(start, start + len(rows) * dot // 2 * pitch, pitch):
                view[at : at + len(grey)] = grey


@functools.lru_cache(maxsize=1)
def _rows(width: int) -> list[bytes]:
    """Rows of each plane. Each holds the bars twice, so that every shift is one slice."""
    return [
        bytes(BARS[x * len(BARS) // samples][plane] for x in range(samples)) * 2
        for plane, samples in enumerate((width, width // 2, width // 2))
    ]


def _clock_text(seconds: float) -> str:
    """The time as `12:34:56.7`. It is UTC, so that both sides show the same."""
    tenths = int(seconds * 10) % 864_000
    return f"{tenths // 36_000:02}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


class BarsTrack(MediaStreamTrack):
    """The moving bars as a track."""

    kind = "video"

    def __init__(self, pace: FramePace, bars: Bars, rate: int, clock: Callable[[], float] = time.time) -> None:
        """`rate` is in frames a second; `clock` gives the Unix time to show."""
        super().__init__()
        self._pace = pace
        self._bars = bars
        self._rate = rate
        self._clock = clock
        self._number = 0

    async def recv(self) -> VideoFrame:
        """The next frame when it is due. Raises MediaStreamError once the track has ended."""
        number = self._number
        self._number += 1
        await _due(self, number / self._rate)
        frame = self._bars.draw(number * SPEED // self._rate & ~1, self._clock())
        frame.pts, frame.time_base = number, Fraction(1, self._rate)
        return frame


class ToneTrack(MediaStreamTrack):
    """The tone as a track: 440 Hz, mono, 48,000 samples per second in frames of 20 ms."""

    kind = "audio"

    def __init__(self, pace: FramePace) -> None:
        super().__init__()
        self._pace = pace
        self._frames = _tone_frames()
        self._number = 0

    async def recv(self) -> AudioFrame:
        """The next frame when it is due. Raises MediaStreamError once the track has ended."""
        number = self._number
        self._number += 1
        await _due(self, number * SAMPLES / SAMPLE_RATE)
        frame = AudioFrame("s16", "mono", SAMPLES)
        frame.planes[0].update(self._frames[number % len(self._frames)])
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = number * SAMPLES, Fraction(1, SAMPLE_RATE)
        return frame


async def _due(track: BarsTrack | ToneTrack, position: float) -> None:
    if track.readyState == "live":
        await track._pace.until(position)
    # The track may have ended during the wait.
    if track.readyState != "live":
        raise MediaStreamError


@functools.cache
def _tone_frames() -> list[bytes]:
    """The tone in frames that repeat without a jump: five frames hold exactly 44 waves."""
    count = SAMPLE_RATE // math.gcd(TONE_HZ * SAMPLES, SAMPLE_RATE)
    waves = array.array(
        "h",
        (round(AMPLITUDE * math.sin(2 * math.pi * TONE_HZ * n / SAMPLE_RATE)) for n in range(count * SAMPLES)),
    ).tobytes()
    return [waves[at : at + SAMPLES * 2] for at in range(0, len(waves), SAMPLES * 2)]


class Pattern:
    """Sends the test picture and the tone. Does not decode what arrives."""

    name = "pattern"

    def __init__(self, width: int = 640, height: int = 480, rate: int = 15) -> None:
        """`width` and `height` are even numbers of pixels, `rate` is frames per second."""
        self._bars = Bars(width, height)
        self._rate = rate
        _tone_frames()  # made before the call connects, so that the first sound doesn't wait
        self._sending = Sending()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to send on this leg instead of the previous one."""
        pace = FramePace()
        tracks: list[MediaStreamTrack] = []
        if Media.AUDIO in media:
            tracks.append(ToneTrack(pace))
        if Media.VIDEO in media:
            tracks.append(BarsTrack(pace, self._bars, self._rate))
        await self._sending.start(leg, tracks, tasks)

    async def detach(self) -> None:
        """End the tracks."""
        await self._sending.stop()


def make(config: Config, recordings: Path, context: CallContext) -> Pattern:
    """Make the endpoint for one call, as configured."""
    return Pattern(config.media.width, config.media.height, config.media.fps)
