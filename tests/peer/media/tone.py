"""Tones: made here, and measured in decoded sound."""

from __future__ import annotations

import array
import math
from collections.abc import Iterable
from fractions import Fraction

from aiortc.codecs.opus import OpusEncoder
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from peer.media.realtime import FramePace

SAMPLE_RATE = 48_000


def sine(hertz: float, samples: int, first: int = 0) -> bytes:
    """16-bit mono samples at 48 kHz, from the `first` one on."""
    turn = 2 * math.pi * hertz / SAMPLE_RATE
    return array.array("h", (round(8_000 * math.sin(turn * n)) for n in range(first, first + samples))).tobytes()


class SineTrack(MediaStreamTrack):
    """A tone in real time."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._hertz = hertz
        self._pace = FramePace()
        self._at = 0

    async def recv(self) -> AudioFrame:
        await self._pace.until(self._at / SAMPLE_RATE)
        if self.readyState != "live":
            raise MediaStreamError
        frame = AudioFrame("s16", "mono", 960)
        frame.planes[0].update(sine(self._hertz, 960, self._at))
        frame.pts, frame.sample_rate, frame.time_base = self._at, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        self._at += 960
        return frame


def time_of(frame: AudioFrame | VideoFrame) -> float:
    """When a frame is due, in seconds. Every frame here has a time."""
    assert frame.time is not None
    return frame.time


def left_channel(frame: AudioFrame) -> array.array[float]:
    """The samples of the first channel of a frame, in any format that our decoders return."""
    code = "f" if "flt" in frame.format.name else "h"
    plane = array.array(code, bytes(frame.planes[0]))
    step = 1 if frame.format.is_planar else frame.layout.nb_channels
    return array.array("d", plane[: frame.samples * step : step])


def hertz(frames: Iterable[AudioFrame]) -> float:
    """The frequency of the one tone in consecutive frames, from its upward zero crossings."""
    samples = [sample for frame in frames for sample in left_channel(frame)]
    crossings = [
        n + samples[n] / (samples[n] - samples[n + 1])
        for n in range(len(samples) - 1)
        if samples[n] < 0 <= samples[n + 1]
    ]
    return (len(crossings) - 1) * SAMPLE_RATE / (crossings[-1] - crossings[0])


def opus_packets(hertz: float, count: int) -> list[bytes]:
    """An encoded tone in packets of 20 ms each."""
    encoder = OpusEncoder()
    packets = []
    for number in range(count + 1):
        frame = AudioFrame("s16", "mono", 960)
        frame.planes[0].update(sine(hertz, 960, number * 960))
        frame.pts, frame.sample_rate, frame.time_base = number * 960, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        packets += encoder.encode(frame)[0]
    return packets[:count]
