"""Removes noise from a microphone's sound, with WebRTC's noise suppression, as in browsers.

Needs the package webrtc-noise-gain, the extra `noise`. It works at 16 kHz, so the parts of a voice above 8 kHz are
lost.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from av import AudioFrame, AudioResampler

from peer.media.sound.types import HEARD_BYTES, SAMPLE_RATE
from shared.config.schema import NoiseSuppression
from shared.errors import MediaError
from shared.extras import how_to_add

LEVELS: dict[NoiseSuppression, int] = {"off": 0, "low": 1, "moderate": 2, "high": 3, "highest": 4}
"The library's numbers for the levels. benchmarks/README.md says by how many dB each weakens noise."

RATE = 16_000

STEP_BYTES = RATE // 100 * 2
"The bytes that the library takes at a time: 10 ms of 16-bit mono."

NO_GAIN = 0


class Suppressor(Protocol):
    """Removes noise from a microphone's blocks."""

    def process(self, samples: bytes) -> bytes:
        """Take HEARD_BYTES and return as many, delayed by a few milliseconds."""


class Untouched:
    """Leaves the sound as it is."""

    def process(self, samples: bytes) -> bytes:
        """See Suppressor."""
        return samples


class WebRtcSuppressor:
    """Suppresses the noise of one microphone, and learns that noise meanwhile."""

    def __init__(self, level: int) -> None:
        """`level` is from 1 to 4. Raises ImportError if the library is missing."""
        from webrtc_noise_gain import AudioProcessor

        self._processor = AudioProcessor(NO_GAIN, level)
        self._down = AudioResampler("s16", "mono", RATE)
        self._up = AudioResampler("s16", "mono", SAMPLE_RATE)
        self._waiting = bytearray()
        "Less than 10 ms of sound at 16 kHz."

        self._done = bytearray()

    def process(self, samples: bytes) -> bytes:
        """See Suppressor."""
        self._waiting += _resampled(self._down, samples, SAMPLE_RATE)
        while len(self._waiting) >= STEP_BYTES:
            step = self._processor.Process10ms(bytes(self._waiting[:STEP_BYTES]))
            del self._waiting[:STEP_BYTES]
            self._done += _resampled(self._up, step.audio, RATE)
        # The filters delay the sound. Silence fills the beginning.
        short = HEARD_BYTES - len(self._done)
        self._done[:0] = bytes(max(0, short))
        taken = bytes(self._done[:HEARD_BYTES])
        del self._done[:HEARD_BYTES]
        return taken


def suppressor(wanted: NoiseSuppression) -> Suppressor:
    """The suppressor for the configured level. Raises MediaError if the library is missing."""
    if not LEVELS[wanted]:
        return Untouched()
    try:
        return WebRtcSuppressor(LEVELS[wanted])
    except ImportError as error:
        raise MediaError("The library that suppresses noise isn't installed.", how_to_add("noise")) from error


def _resampled(resampler: AudioResampler, samples: bytes, rate: int) -> bytes:
    frame = AudioFrame("s16", "mono", len(samples) // 2)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
    return b"".join(bytes(each.planes[0])[: each.samples * 2] for each in resampler.resample(frame))
