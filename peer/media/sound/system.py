"""Opens the sound system of this machine, whichever it has."""

from __future__ import annotations

import shutil

from peer.media.sound.portaudio_thread import thread as portaudio_thread
from peer.media.sound.pulse import PROGRAMS, Pulse
from peer.media.sound.types import SoundSystem
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.extras import how_to_add


async def open_sound(settings: Devices) -> SoundSystem:
    """The configured sound system, or the one that is there. Raises MediaError if there is none, or if it hangs."""
    if settings.sound in ("auto", "pulse") and all(map(shutil.which, PROGRAMS)) and await Pulse.answers():
        return Pulse()
    if settings.sound in ("auto", "portaudio"):
        try:
            return await portaudio_thread.run(_portaudio)
        except (ImportError, OSError):  # the package is missing, or the library that it loads
            pass
    raise MediaError(
        "There is no sound system to talk through.",
        f"PortAudio needs Debian's libportaudio2, and a library of its own. {how_to_add('sound')}"
        if settings.sound == "portaudio"
        else "The page in the browser needs none. For calls without it: install Debian's pulseaudio-utils, and run "
        "Copybara as the user whose desktop it is.",
    )


def _portaudio() -> SoundSystem:
    # The library looks for devices when it is loaded.
    from peer.media.sound.portaudio import PortAudio

    return PortAudio()
