"""Tries microphone and speaker without a call: shows the sound level, and plays back what was said."""

from __future__ import annotations

import array
import math
from collections.abc import Callable

from peer.media.sound.types import BLOCK_SECONDS, PLAYED_BYTES, SoundSystem, on_both_sides

HEARD = 0.02
"A share of the highest level (-34 dBFS). A voice reaches it; a quiet room and a muted microphone don't."

SHOWN_BLOCKS = 5
"How many blocks there are between two calls of `told`: a tenth of a second."

BAR = 30
"The length of the longest bar in characters."


def peak(samples: bytes) -> float:
    """The peak of 16-bit samples, from 0 to 1."""
    return max((abs(sample) for sample in array.array("h", samples)), default=0) / 32768


def bar(level: float) -> str:
    """A level from 0 to 1 as a bar of up to BAR characters.

    It grows with the square root, so that a quiet voice shows too.
    """
    return "#" * round(BAR * math.sqrt(min(1.0, level)))


async def record(system: SoundSystem, device: str, seconds: float, show_level: Callable[[float], None]) -> bytes:
    """Record from a microphone, empty for the system's default, and return 16-bit stereo samples.

    `show_level` gets the peak of each tenth of a second, from 0 to 1. Raises MediaError.
    """
    source = await system.listen(device)
    heard, loudest = bytearray(), 0.0
    try:
        for number in range(1, round(seconds / BLOCK_SECONDS) + 1):
            block = await source.read()
            heard += on_both_sides(block)
            loudest = max(loudest, peak(block))
            if number % SHOWN_BLOCKS == 0:
                show_level(loudest)
                loudest = 0.0
    finally:
        await source.close()
    return bytes(heard)


async def play(system: SoundSystem, device: str, samples: bytes) -> None:
    """Play 16-bit stereo samples to the end on a speaker, empty for the system's default. Raises MediaError."""
    sink = await system.speak(device)
    drain = False
    try:
        for at in range(0, len(samples), PLAYED_BYTES):
            await sink.write(samples[at : at + PLAYED_BYTES])
        drain = True
    finally:
        await sink.close(drain=drain)
