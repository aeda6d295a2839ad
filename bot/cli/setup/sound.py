"""Tries this computer's microphone, speaker and camera before the first call: people hear themselves.

The page in the browser uses the browser's devices, and has its own test call.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.terminal.asking import Asking
from peer.media.sound.types import SoundSystem
from shared.config.schema import Config
from shared.errors import MediaError

SECONDS = 4.0
"How long the person speaks."

TONE = ((660.0, 0.25), (880.0, 0.35))
"Each note in hertz and seconds."

NOT_HEARD = (
    "Nothing was heard. Is the microphone muted, or another one meant? Choose one in the desktop's sound settings, or "
    "as `microphone` in {file}, under [devices]."
)

NO_TONE = "Check the volume in the desktop's sound settings, or choose another `speaker` in {file}, under [devices]."

ON_THE_PAGE = "On the page the browser's devices are used: `copybara start`, then Test call."


def is_of_use(config: Config) -> bool:
    """Whether calls use this computer's devices. The page uses the browser's."""
    return config.answer.endpoint == "devices" or not config.handset.enabled


def set_up(home: Home, draft: ConfigDraft, asking: Asking) -> None:
    """Try the devices and report the results. A device that doesn't work doesn't stop the set-up."""
    config = draft.config
    asyncio.run(_try(config, asking, draft.path))
    if config.handset.enabled:
        asking.say(ON_THE_PAGE)


async def _try(config: Config, asking: Asking, file: Path) -> None:
    from peer.media.sound.system import open_sound

    try:
        system = await open_sound(config.devices)
    except MediaError as error:
        _failed(asking, "sound", error)
    else:
        await _speaker(system, config, asking, file)
        await _microphone(system, config, asking, file)
    if config.devices.camera != "none":
        await _camera(config, asking)


async def _speaker(system: SoundSystem, config: Config, asking: Asking, file: Path) -> None:
    from peer.media.sound.tones import tone
    from peer.media.sound.try_out import play

    try:
        await play(system, config.devices.speaker, tone(*TONE))
    except MediaError as error:
        _failed(asking, "speaker", error)
        return
    if asking.at_terminal and not asking.yes("speaker    Two notes were played. Did you hear them?", default=True):
        asking.say(f"           {NO_TONE.format(file=file)}")
    else:
        asking.say("speaker    played two notes")


async def _microphone(system: SoundSystem, config: Config, asking: Asking, file: Path) -> None:
    from peer.media.sound.try_out import HEARD, bar, peak, play, record

    def show_level(level: float) -> None:
        if asking.at_terminal:
            sys.stdout.write(f"\r\033[K           {bar(level)}")
            sys.stdout.flush()

    asking.say(f"microphone Say something, for {SECONDS:.0f} seconds.")
    try:
        heard = await record(system, config.devices.microphone, SECONDS, show_level)
    except MediaError as error:
        _failed(asking, "microphone", error)
        return
    if asking.at_terminal:
        sys.stdout.write("\r\033[K")
    loudest = peak(heard)
    if loudest < HEARD:
        asking.say(f"microphone {NOT_HEARD.format(file=file)}")
        return
    asking.say(f"microphone heard you, {100 * loudest:.0f} % loud. You hear it now as your friends will.")
    try:
        await play(system, config.devices.speaker, heard)
    except MediaError as error:
        _failed(asking, "speaker", error)


async def _camera(config: Config, asking: Asking) -> None:
    from peer.media.picture.camera import CameraProgram, found, video4linux

    wanted = "" if config.devices.camera == "auto" else config.devices.camera
    names = found(wanted).names
    if not names:
        asking.say("camera     None was found.")
        return
    size = config.media.width, config.media.height
    last: MediaError | None = None
    for name in names:
        program = CameraProgram()
        try:
            await program.open(video4linux(name, *size, config.media.fps), *size, config.media.fps)
            picture = await program.read()
        except MediaError as error:
            last = error
        else:
            asking.say(f"camera     {name} gives pictures of {picture.width}x{picture.height}")
            return
        finally:
            await program.close()
    assert last is not None
    _failed(asking, "camera", last)


def _failed(asking: Asking, what: str, error: MediaError) -> None:
    asking.say(f"{what:10} {error.sentence}", *([f"           {error.hint}"] if error.hint else []))
