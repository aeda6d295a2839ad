"""The person at this machine, without a browser: microphone, camera and speaker."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamTrack

from peer.media.picture.camera import LocalCamera, find_camera, video4linux
from peer.media.rtp.sending import Sending
from peer.media.sound.microphone import Microphone
from peer.media.sound.speaker import Speaker
from peer.media.sound.system import open_sound
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)


class LocalDevices:
    """Sends what the microphone hears and the camera sees, and plays what arrives. Pictures are not shown.

    The devices stay open from leg to leg of a call. The microphone is on only while a call is.
    """

    name = "devices"

    def __init__(self, settings: Devices, width: int = 640, height: int = 480, rate: int = 15) -> None:
        """Limits of the pictures: pixels, and frames a second."""
        self._settings = settings
        self._limits = width, height, rate
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._camera: LocalCamera | None = None
        self._sending = Sending()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Talk on this leg, and no longer on the one before. Raises MediaError when a device can't be used."""
        await self._sending.stop()
        await self._open(media, tasks)
        tracks: list[MediaStreamTrack] = []
        if self._speaker is not None and self._microphone is not None:
            await self._speaker.attach(leg, tasks)
            tracks.append(self._microphone.track())
        if self._camera is not None:
            tracks.append(self._camera.track())
        await self._sending.start(leg, tracks, tasks)

    async def detach(self) -> None:
        """Let go of all devices."""
        await self._sending.stop()
        await self._close(Media.BOTH)

    async def _open(self, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Open what the call needs and isn't open, close what it doesn't need.

        Each device is kept before it is opened, so that `detach` finds it whatever happens meanwhile.
        """
        await self._close(Media.BOTH & ~media)
        if Media.AUDIO in media and self._speaker is None:
            system = await open_sound(self._settings)
            self._speaker = Speaker(system, self._settings.speaker)
            await self._speaker.open(tasks)
            self._microphone = Microphone(system, self._settings.microphone)
            await self._microphone.open(tasks)
        if Media.VIDEO in media and self._camera is None:
            await self._open_camera(tasks)

    async def _open_camera(self, tasks: asyncio.TaskGroup) -> None:
        device = find_camera(self._settings.camera)
        if device is None:
            return
        self._camera = LocalCamera(video4linux(device, *self._limits), *self._limits)
        try:
            await self._camera.open(tasks)
        except MediaError as error:
            if self._settings.camera != "auto":
                raise
            # Nobody has asked for this one; a call with sound is better than none.
            logger.warning("there is no picture of ours: %s", error.sentence)
            self._camera = None

    async def _close(self, media: Media) -> None:
        if Media.AUDIO in media:
            speaker, self._speaker = self._speaker, None
            microphone, self._microphone = self._microphone, None
            for device in (microphone, speaker):
                if device is not None:
                    await device.close()
        if Media.VIDEO in media:
            camera, self._camera = self._camera, None
            if camera is not None:
                await camera.close()
