"""Checks of microphone, speaker and camera. Calls work without any of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from bot.cli.doctor.check import Check
from peer.media.devices.choice import MONITOR, NO_DEVICE
from shared.config.schema import Config
from shared.errors import MediaError

TRY = "To try them: copybara setup sound"


def sound(config: Config) -> Check:
    """The microphones and speakers of this machine."""
    try:
        name, microphones, speakers = asyncio.run(_devices(config))
    except MediaError as error:
        return Check("sound", ok=True, note=True, detail=error.sentence, hint=error.hint)
    return found(name, microphones, speakers)


def found(system: str, microphones: Sequence[str], speakers: Sequence[str]) -> Check:
    """The check's result for these devices of a sound system. Pure."""
    heard = [each for each in microphones if not each.endswith(MONITOR)]
    played = [each for each in speakers if each != NO_DEVICE]
    missing = " and ".join(what for what, there in (("microphone", heard), ("speaker", played)) if not there)
    if missing:
        detail = f"{system} has no {missing}"
        hint = (
            "Plug one in, or look into the desktop's sound settings. Calls on the page use the browser's devices; in "
            "others, one side hears nothing."
        )
        return Check("sound", ok=True, note=True, detail=detail, hint=hint)
    return Check("sound", ok=True, detail=f"{system}: {_many(heard, 'microphone')}, {_many(played, 'speaker')}. {TRY}")


def camera(config: Config, folder: Path = Path("/dev")) -> Check:
    """Whether there is a camera that this user may use."""
    from peer.media.picture.camera import cameras

    wanted = config.devices.camera
    if wanted == "none":
        return Check("camera", ok=True, detail="none, as configured")
    names = cameras(folder) if wanted == "auto" else (wanted,)
    there = [each for each in names if os.path.exists(each)]
    if not there:
        detail = "no camera was found" if wanted == "auto" else f"{wanted} isn't there"
        return Check("camera", ok=True, note=True, detail=detail, hint="Without one you still see the others.")
    if not any(os.access(each, os.R_OK | os.W_OK) for each in there):
        hint = "Add yourself to the group that has the device, mostly `video`, and log in again."
        return Check("camera", ok=True, note=True, detail=f"You may not use {there[0]}", hint=hint)
    return Check("camera", ok=True, detail=there[0])


async def _devices(config: Config) -> tuple[str, Sequence[str], Sequence[str]]:
    from peer.media.sound.system import open_sound

    system = await open_sound(config.devices)
    microphones = await system.devices("microphone", config.devices.microphone)
    speakers = await system.devices("speaker", config.devices.speaker)
    return type(system).__name__, microphones.names, speakers.names


def _many(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"
