"""How much noise the endpoint `devices` takes away from a voice, and what it costs the voice, in dB.

A recorded voice with pauses, and a noise 15 dB below it, a new one in each round. Needs the recordings of Debian's
alsa-utils.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.measuring import Figure, Row, Samples
from peer.media.sound.noise import suppressor
from peer.media.sound.types import HEARD_BYTES
from shared.config.schema import NoiseSuppression
from tests.peer.media import noisy_speech
from tests.peer.media.tone import SAMPLE_RATE

NAME = "noise-suppression"
ROUNDS = 3

BELOW = 15.0

LEVELS: tuple[NoiseSuppression, ...] = ("low", "moderate", "high", "highest")

NOISES: tuple[tuple[str, Callable[[int, int], list[float]]], ...] = (
    ("fan", noisy_speech.fan),
    ("hiss", noisy_speech.hiss),
)


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    return "" if noisy_speech.there() else f"needs Debian's {noisy_speech.PACKAGE}"


def blocks(samples: bytes) -> list[bytes]:
    """As a microphone gives them."""
    return [samples[at : at + HEARD_BYTES] for at in range(0, len(samples) - HEARD_BYTES + 1, HEARD_BYTES)]


def measure(rounds: int = ROUNDS) -> Figure:
    """Each level on the same mixtures."""
    voice = noisy_speech.speech()
    seconds = len(voice) / SAMPLE_RATE
    rows, times = [], []
    for name, noise in NOISES:
        mixed = [noisy_speech.beside(voice, noise(len(voice), seed), BELOW) for seed in range(rounds)]
        for level in LEVELS:
            left = []
            for each in mixed:
                suppress = suppressor(level)
                heard = blocks(each.tobytes())
                begin = time.process_time()
                for block in heard:
                    suppress.process(block)
                times.append((time.process_time() - begin) * 1000 / seconds)
                left.append(noisy_speech.left(voice, each, suppressor(level).process, HEARD_BYTES))
            rows.append(Row(f"{name}, {level}: noise weaker by", Samples.of(each.noise for each in left), unit="dB"))
            rows.append(Row(f"{name}, {level}: voice weaker by", Samples.of(each.voice for each in left), unit="dB"))
    rows.append(Row("processor time for a second of sound", Samples.of(times), unit="ms"))
    return Figure(NAME, "Noise suppression", tuple(rows))
