"""The microphone, camera and speaker of this machine, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiortc.mediastreams import MediaStreamTrack

from peer.media.devices.follower import keep_looking
from peer.media.devices.newcomers import Newcomers
from peer.media.ending import end
from peer.media.picture.camera import LocalCamera
from peer.media.rtp.sending import Sending
from peer.media.sound.microphone import Microphone
from peer.media.sound.noise import Suppressor, Untouched, suppressor
from peer.media.sound.speaker import Speaker
from peer.media.sound.system import open_sound
from peer.media.trouble import MediaTrouble
from shared.config.schema import Config, Devices
from shared.errors import MediaError
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg


class LocalDevices:
    """Sends the microphone's sound and the camera's pictures, and plays the other side's sound. Shows no pictures.

    The devices stay open from leg to leg, and close when the call ends. If a device is missing, the call goes on:
    another device is used, and the owner reads what that means.
    """

    name = "devices"

    def __init__(
        self,
        settings: Devices,
        width: int = 640,
        height: int = 480,
        rate: int = 15,
        *,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
    ) -> None:
        """`width`, `height` and `rate` limit the pictures: pixels, and pictures per second.

        `tell` is called when a device goes or comes back.
        """
        self._settings = settings
        self._limits = width, height, rate
        self._tell = tell
        self._media = Media.NONE
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._camera: LocalCamera | None = None
        self._watching: asyncio.Task[None] | None = None
        self._offering: asyncio.Task[None] | None = None
        self._sending = Sending()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Send and play on this leg instead of the previous one. Raises MediaError if there is no sound system."""
        await self._sending.stop()
        self._media = media
        await self._open(media, tasks)
        tracks: list[MediaStreamTrack] = []
        if self._speaker is not None and self._microphone is not None:
            await self._speaker.attach(leg, tasks)
            tracks.append(self._microphone.track())
        if self._camera is not None:
            tracks.append(self._camera.track())
        await self._sending.start(leg, tracks, tasks)

    async def detach(self) -> None:
        """Close all devices."""
        await self._sending.stop()
        await self._close(Media.BOTH)

    async def _open(self, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Open the devices that the call needs, and close the others.

        Each device is stored in the object before it is opened, so that `detach` finds it whatever happens meanwhile.
        """
        await self._close(Media.BOTH & ~media)
        if Media.VIDEO in media and self._camera is None and self._settings.camera != "none":
            self._camera = LocalCamera(self._settings.camera, *self._limits, self._changed)
            await self._camera.open(tasks)
        if Media.AUDIO in media and self._speaker is None:
            system = await open_sound(self._settings)
            newcomers = Newcomers(self._tell)
            come = newcomers.appeared
            self._speaker = speaker = Speaker(system, self._settings.speaker, self._changed, come)
            self._microphone = microphone = Microphone(
                system, self._settings.microphone, self._changed, come, self._suppressor()
            )
            await speaker.open(tasks)
            await microphone.open(tasks)

            def look() -> None:
                speaker.device.look()
                microphone.device.look()

            self._watching = tasks.create_task(keep_looking(system.changes, look))
            self._offering = tasks.create_task(newcomers.offer((microphone.device, speaker.device)))

    def _suppressor(self) -> Suppressor:
        """The configured noise suppressor, or none if its library is missing."""
        try:
            return suppressor(self._settings.noise_suppression)
        except MediaError as error:
            self._tell(MediaTrouble(f"{error.sentence} Your microphone is used as it is.", error.hint))
            return Untouched()

    def _changed(self, trouble: MediaTrouble) -> None:
        """Add the kinds of media that are sent now to a device's report, and pass the report on."""
        sends = Media.NONE
        for device in (self._microphone, self._camera):
            if device is not None and not device.device.missing:
                sends |= device.device.kind.sends
        self._tell(msgspec.structs.replace(trouble, sends=sends & self._media))

    async def _close(self, media: Media) -> None:
        if Media.AUDIO in media:
            for task in (self._watching, self._offering):
                await end(task)
            self._watching = self._offering = None
            speaker, self._speaker = self._speaker, None
            microphone, self._microphone = self._microphone, None
            for device in (microphone, speaker):
                if device is not None:
                    await device.close()
        if Media.VIDEO in media:
            camera, self._camera = self._camera, None
            if camera is not None:
                await camera.close()


def make(config: Config, recordings: Path, context: CallContext) -> LocalDevices:
    """Make the endpoint for one call, as configured."""
    settings = config.media
    return LocalDevices(config.devices, settings.width, settings.height, settings.fps, tell=context.trouble)
