"""A voice with noise, and a measure of what remains of each after processing.

The speech is recorded: Debian's alsa-utils has a voice at 48 kHz that names the positions of speakers.
"""

from __future__ import annotations

import array
import math
import random
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peer.media.tone import SAMPLE_RATE

FOLDER = Path("/usr/share/sounds/alsa")
PACKAGE = "alsa-utils"

PAUSE = SAMPLE_RATE
"Samples between two recordings."

WINDOW = SAMPLE_RATE // 100

SETTLE = 4 * SAMPLE_RATE
"Samples from which a suppressor may learn before it is measured."

QUIET = 30
"No sample of a pause in the recordings differs from silence by more than this."

AROUND = 5
"Windows on either side that have to be quiet too, because the output is some milliseconds late."


@dataclass(frozen=True, slots=True)
class Left:
    """By how many dB voice and noise are weaker after processing."""

    noise: float
    "Measured in the pauses."

    voice: float


def there() -> bool:
    """Whether the recordings are on this machine."""
    return len(_recordings()) >= 8


def speech() -> array.array[int]:
    """Some 20 seconds of 16-bit mono with pauses."""
    said = array.array("h")
    for path in _recordings():
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
            said.frombytes(file.readframes(file.getnframes()))
        said.extend(array.array("h", bytes(2 * PAUSE)))
    return said


def beside(voice: array.array[int], noise: Sequence[float], below: float) -> array.array[int]:
    """Add noise that is `below` dB weaker than the speaking voice."""
    spoken = [sample for sample in voice if abs(sample) > QUIET * 10]
    factor = loudness(spoken) / loudness(noise) / 10 ** (below / 20)
    mixed = (said + factor * heard for said, heard in zip(voice, noise, strict=True))
    return array.array("h", (max(-32768, min(32767, round(each))) for each in mixed))


def hiss(length: int, seed: int) -> list[float]:
    """White noise."""
    numbers = random.Random(seed)
    return [numbers.gauss(0, 1) for _ in range(length)]


def fan(length: int, seed: int) -> list[float]:
    """Noise that is stronger at lower frequencies, like that of a fan."""
    last = 0.0
    return [last := 0.97 * last + each for each in hiss(length, seed)]


def left(voice: array.array[int], mixed: array.array[int], process: Callable[[bytes], bytes], block: int) -> Left:
    """Process the mixture in blocks of this many bytes, and measure what is left of voice and noise."""
    data = mixed.tobytes()
    after = array.array("h", b"".join(process(data[at : at + block]) for at in range(0, len(data) - block + 1, block)))
    speaks = [max(map(abs, voice[at : at + WINDOW])) > QUIET for at in range(0, len(after) - WINDOW, WINDOW)]
    pauses, words = [], []
    for number in range(SETTLE // WINDOW, len(speaks) - AROUND):
        near = speaks[number - AROUND : number + AROUND + 1]
        if not any(near):
            pauses.append(number)
        elif all(near):
            words.append(number)
    return Left(*(_weaker(mixed, after, windows) for windows in (pauses, words)))


def loudness(samples: Sequence[float]) -> float:
    """The effective value."""
    return math.sqrt(sum(each * each for each in samples) / len(samples))


def _weaker(before: array.array[int], after: array.array[int], windows: Sequence[int]) -> float:
    assert len(windows) > 50
    both = (
        loudness([each for number in windows for each in samples[number * WINDOW : (number + 1) * WINDOW]])
        for samples in (before, after)
    )
    return 20 * math.log10(next(both) / max(next(both), 0.01))


def _recordings() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.wav") if path.stem != "Noise")
