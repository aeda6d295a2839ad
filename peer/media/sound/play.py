"""Plays a short sound on the speaker of this machine."""

from __future__ import annotations

from peer.media.devices.choice import choose
from peer.media.sound.system import open_sound
from shared.config.schema import Devices
from shared.errors import MediaError


async def play(sound: bytes, devices: Devices) -> None:
    """Play 16-bit stereo at 48 kHz to its end. Raises MediaError if there is no speaker."""
    system, wanted = await open_sound(devices), devices.speaker
    name = choose(wanted, await system.devices("speaker", wanted))
    if name is None:
        raise MediaError("There is no speaker.")
    sink = await system.speak(name)
    try:
        await sink.write(sound)
        await sink.close(drain=True)
    finally:
        await sink.close()
