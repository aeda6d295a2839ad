"""The check of the media endpoints in the configuration."""

from __future__ import annotations

import asyncio
import os

from peer.media import ANSWERING_MACHINE, AUTO, HANDSET
from shared.config.schema import Config
from shared.errors import MediaError


def media_ready(config: Config) -> str:
    """The endpoints that answer calls. Raises MediaError if something that they need is missing."""
    name = config.answer.endpoint
    detail = f"calls are answered {'at your page' if name in (AUTO, HANDSET) else f'by the endpoint {name}'}"
    match name:
        case "file":
            _playable(config.media.file, "file` under [media")
        case "devices":
            detail += f", through {asyncio.run(_sound(config))}"
        case "camera":
            _camera(config)
    if config.answer.machine_after:
        detail += f", after {config.answer.machine_after} s of ringing by the answering machine"
    if (config.answer.machine_after or name == ANSWERING_MACHINE) and config.machine.greeting:
        _playable(config.machine.greeting, "greeting` under [machine")
    return detail


def _playable(path: str, setting: str) -> None:
    if not os.path.isfile(path):
        raise MediaError(f"{path} isn't there.", f"Set `{setting}] of copybara.toml.")


async def _sound(config: Config) -> str:
    from peer.media.sound.noise import suppressor
    from peer.media.sound.system import open_sound

    suppressor(config.devices.noise_suppression)
    system = await open_sound(config.devices)
    for opened in (
        await system.listen(config.devices.microphone),
        await system.speak(config.devices.speaker),
    ):
        await opened.close()
    return type(system).__name__


def _camera(config: Config) -> None:
    from peer.media.camera_address import open_camera

    open_camera(config.camera.address).close()
