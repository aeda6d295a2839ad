"""Noise that the microphone hears beside a voice, taken away: WebRTC's noise suppression, as browsers have it.

Needs the package webrtc-noise-gain, the extra `noise`. It works on 16 kHz: what of a voice is above 8 kHz is lost.
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
"As that library counts them; by how many dB noise is weakened is in benchmarks/README.md."

RATE = 16_000

STEP_BYTES = RATE // 100 * 2
"Of 10 ms, which it takes at a time: 16 bits, mono."

NO_GAIN = 0


class Suppressor(Protocol):
    """What takes noise away from a microphone's blocks."""

    def process(self, samples: bytes) -> bytes:
        """HEARD_BYTES in, as many out, of a few milliseconds before."""


class Untouched:
    """Leaves everything as it is."""

    def process(self, samples: bytes) -> bytes:
        """As Suppressor says."""
        return samples


class WebRtcSuppressor:
    """One microphone's. What it learns of the noise stays with it."""

    def __init__(self, level: int) -> None:
        """`level` from 1 to 4. Raises ImportError without the library."""
        from webrtc_noise_gain import AudioProcessor

        self._processor = AudioProcessor(NO_GAIN, level)
        self._down = AudioResampler("s16", "mono", RATE)
        self._up = AudioResampler("s16", "mono", SAMPLE_RATE)
        self._waiting = bytearray()
        "Of 16 kHz, less than 10 ms."

        self._done = bytearray()

    def process(self, samples: bytes) -> bytes:
        """As Suppressor says."""
        self._waiting += _resampled(self._down, samples, SAMPLE_RATE)
        while len(self._waiting) >= STEP_BYTES:
            step = self._processor.Process10ms(bytes(self._waiting[:STEP_BYTES]))
            del self._waiting[:STEP_BYTES]
            self._done += _resampled(self._up, step.audio, RATE)
        # Filters have a length: at the beginning there is silence in place of what is still inside them.
        short = HEARD_BYTES - len(self._done)
        self._done[:0] = bytes(max(0, short))
        taken = bytes(self._done[:HEARD_BYTES])
        del self._done[:HEARD_BYTES]
        return taken


def suppressor(wanted: NoiseSuppression) -> Suppressor:
    """As configured. Raises MediaError without the library."""
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
