"""The blocks of sound that are read from a microphone and written to a speaker, and the protocol of a sound system."""

from __future__ import annotations

import array
from collections.abc import AsyncGenerator
from fractions import Fraction
from typing import Literal, Protocol

from av import AudioFrame

from peer.media.devices.choice import FoundDevices
from peer.transport.profile import OPUS
from shared.errors import MediaError

SoundKind = Literal["microphone", "speaker"]

SAMPLE_RATE = OPUS.clock_rate

SAMPLES = OPUS.block
"How many samples a block has: 20 ms, as much as a packet."

BLOCK_SECONDS = SAMPLES / SAMPLE_RATE

STILL_SECONDS = 5.0
"""A microphone that gives nothing for this long, or a speaker that takes nothing, counts as gone: the sound server
hangs. A headset takes some seconds to switch to its microphone."""

HEARD_BYTES = SAMPLES * 2
"A block from a microphone: 16-bit mono."

PLAYED_BYTES = SAMPLES * 4
"A block for a speaker: 16-bit stereo."


def stereo(samples: bytes, position: int) -> AudioFrame:
    """A frame of 16-bit stereo samples at 48 kHz that begins at `position`, in samples."""
    frame = AudioFrame("s16", "stereo", len(samples) // 4)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, position, Fraction(1, SAMPLE_RATE)
    return frame


def on_both_sides(mono: bytes) -> bytes:
    """Turn 16-bit mono samples into stereo of the same volume. FFmpeg would make them 3 dB softer."""
    one = array.array("h", mono)
    both = array.array("h", bytes(len(one) * 4))
    both[0::2] = both[1::2] = one
    return both.tobytes()


class SoundGone(MediaError):
    """The sound system doesn't answer any more.

    Check that it is running and that the device is there.
    """


class SoundHangs(SoundGone):
    """The sound server doesn't answer.

    It is there and does nothing: start it again, or log out and in again.
    """


class SoundSource(Protocol):
    """An open microphone."""

    async def read(self) -> bytes:
        """The next HEARD_BYTES. Raises SoundGone if there will be no more."""

    async def close(self) -> None:
        """Close the device."""


class SoundSink(Protocol):
    """An open speaker."""

    async def write(self, samples: bytes) -> None:
        """Take whole stereo samples. Waits while enough samples are queued for unbroken sound. Raises SoundGone."""

    async def close(self, *, drain: bool = False) -> None:
        """Close the device. With `drain`, play everything that was written first."""


class SoundSystem(Protocol):
    """Gives access to the microphones and speakers."""

    async def devices(self, kind: SoundKind, wanted: str) -> FoundDevices:
        """The devices of this kind. `wanted` is listed if it opens one. Raises MediaError."""

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields once it is watching, and whenever devices have come or gone or the default has changed.

        Raises SoundGone if the system no longer replies.
        """

    async def listen(self, device: str) -> SoundSource:
        """Open a microphone by its name, empty for the system's default. Raises MediaError."""

    async def speak(self, device: str) -> SoundSink:
        """Open a speaker by its name, empty for the system's default. Raises MediaError."""
