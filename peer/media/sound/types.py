"""The blocks of sound in which a microphone is read and a speaker is written, and what every sound system offers."""

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
"Of a block: 20 ms, a packet's worth."

BLOCK_SECONDS = SAMPLES / SAMPLE_RATE

STILL_SECONDS = 5.0
"""How long an open microphone may give nothing, or a speaker take nothing, before it counts as gone: the sound server
hangs. A headset that changes over to its microphone takes some seconds.
"""

HEARD_BYTES = SAMPLES * 2
"A block from a microphone: 16 bits, mono."

PLAYED_BYTES = SAMPLES * 4
"A block for a speaker: 16 bits, stereo."


def stereo(samples: bytes, position: int) -> AudioFrame:
    """A frame of 16-bit stereo samples at 48 kHz that begins at `position`, in samples."""
    frame = AudioFrame("s16", "stereo", len(samples) // 4)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, position, Fraction(1, SAMPLE_RATE)
    return frame


def on_both_sides(mono: bytes) -> bytes:
    """16-bit mono samples as stereo ones, as loud. FFmpeg would make them 3 dB softer."""
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
        """The next HEARD_BYTES. Raises SoundGone when there will be no more."""

    async def close(self) -> None:
        """Let go of the device."""


class SoundSink(Protocol):
    """An open speaker."""

    async def write(self, samples: bytes) -> None:
        """Take whole stereo samples; wait while as much is waiting as keeps the sound unbroken. Raises SoundGone."""

    async def close(self, *, drain: bool = False) -> None:
        """Let go of the device; with `drain`, once all that was written has been played."""


class SoundSystem(Protocol):
    """What gives access to the devices."""

    async def devices(self, kind: SoundKind, wanted: str) -> FoundDevices:
        """Those that there are; `wanted` among them if that opens one. Raises MediaError."""

    def changes(self) -> AsyncGenerator[None, None]:
        """Gives something once it is watching, and whenever devices have come or gone or the default has changed.

        Raises SoundGone when the system doesn't answer any more.
        """

    async def listen(self, device: str) -> SoundSource:
        """Open a microphone by its name; empty is the system's default. Raises MediaError."""

    async def speak(self, device: str) -> SoundSink:
        """Open a speaker by its name; empty is the system's default. Raises MediaError."""
