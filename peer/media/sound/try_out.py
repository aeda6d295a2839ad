"""Microphone and speaker tried without a call: how loud it is here, and what was said, played back."""

from __future__ import annotations

import array
import math
from collections.abc import Callable

from peer.media.sound.types import BLOCK_SECONDS, PLAYED_BYTES, SoundSystem, on_both_sides

HEARD = 0.02
"Share of the loudest that there can be (-34 dBFS): a voice reaches it, a quiet room and a muted microphone don't."

SHOWN_BLOCKS = 5
"After how many blocks `told` hears of the level again: a tenth of a second."

BAR = 30
"Characters of the longest bar."


def peak(samples: bytes) -> float:
    """The loudest of 16-bit samples, from 0 to 1."""
    return max((abs(sample) for sample in array.array("h", samples)), default=0) / 32768


def bar(level: float) -> str:
    """A level from 0 to 1 as BAR characters; its square root, so that a quiet voice is seen too."""
    return "#" * round(BAR * math.sqrt(min(1.0, level)))


async def record(system: SoundSystem, device: str, seconds: float, told: Callable[[float], None]) -> bytes:
    """Listen to a microphone, empty for the system's default, and return 16-bit stereo samples.

    `told` gets the loudest of each tenth of a second, from 0 to 1. Raises MediaError.
    """
    source = await system.listen(device)
    heard, loudest = bytearray(), 0.0
    try:
        for number in range(1, round(seconds / BLOCK_SECONDS) + 1):
            block = await source.read()
            heard += on_both_sides(block)
            loudest = max(loudest, peak(block))
            if number % SHOWN_BLOCKS == 0:
                told(loudest)
                loudest = 0.0
    finally:
        await source.close()
    return bytes(heard)


async def play(system: SoundSystem, device: str, samples: bytes) -> None:
    """Play 16-bit stereo samples on a speaker, empty for the system's default, to the end. Raises MediaError."""
    sink = await system.speak(device)
    drain = False
    try:
        for at in range(0, len(samples), PLAYED_BYTES):
            await sink.write(samples[at : at + PLAYED_BYTES])
        drain = True
    finally:
        await sink.close(drain=drain)
