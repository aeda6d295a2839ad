"""Sends the pictures and sound of an IP camera."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from peer.media.camera_address import open_camera
from peer.media.camera_reader import CameraReader
from peer.media.ending import end
from peer.media.live_track import LiveTrack
from peer.media.rtp.sending import Sending
from peer.media.trouble import MediaTrouble
from peer.transport.profile import MEDIA, Kind
from shared.config.schema import Config
from shared.errors import ConfigError, MediaError
from shared.media import Media

if TYPE_CHECKING:
    from av.container import InputContainer

    from peer.media import CallContext
    from peer.transport.leg import Leg


class IpCamera:
    """Sends the pictures and sound of an IP camera. Does not decode what arrives.

    The camera stays connected from leg to leg. While it is away, the picture is black. The owner reads when the camera
    goes and when it comes back.
    """

    name = "camera"

    def __init__(
        self,
        address: str,
        width: int = 640,
        height: int = 480,
        rate: int = 15,
        *,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
        connect: Callable[[str], InputContainer] = open_camera,
    ) -> None:
        """`address` may hold a password. `connect` connects to it, in a thread, and raises MediaError if it can't.

        `width`, `height` and `rate` limit the pictures: pixels, and pictures per second. `tell` is called when the
        camera goes or comes back.
        """
        self._connect = lambda: connect(address)
        self._limits = width, height, rate
        self._tell = tell
        self._media = Media.NONE
        self._reader: CameraReader | None = None
        self._tracks: dict[Kind, LiveTrack] = {}
        self._watching: asyncio.Task[None] | None = None
        self._sending = Sending()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Show the camera on this leg instead of the previous one. Raises MediaError if the camera can't be reached."""
        await self._sending.stop()
        if media & ~self._media:
            await self._close()
        if self._reader is None:
            self._media = media
            self._reader = CameraReader(self._connect, media, self._limits, self._on_frame, self._on_away)
            self._reader.start()
            self._watching = tasks.create_task(_notice_end(self._reader))
        kinds = await asyncio.shield(self._reader.kinds)
        self._tracks = {kind: LiveTrack(kind) for kind in sorted(kinds) if MEDIA[kind] in media}
        await self._sending.start(leg, self._tracks.values(), tasks)

    async def detach(self) -> None:
        """Disconnect from the camera."""
        await self._sending.stop()
        await self._close()

    async def _close(self) -> None:
        watching, self._watching = self._watching, None
        await end(watching)
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()

    def _on_frame(self, kind: Kind, frame: AudioFrame | VideoFrame) -> None:
        if kind in self._tracks:
            self._tracks[kind].put(frame)

    def _on_away(self, why: MediaError | None) -> None:
        if why is None:
            sends = Media.NONE
            for kind in self._tracks:
                sends |= MEDIA[kind]
            self._tell(MediaTrouble("Your IP camera is back.", sends=sends))
        else:
            hint = "It is tried again until it is back; check that it is on."
            self._tell(MediaTrouble(f"{why.sentence} They can't see or hear it.", hint, sends=Media.NONE))


async def _notice_end(reader: CameraReader) -> None:
    """Raise the error with which the camera's thread ends."""
    await asyncio.shield(reader.broken)


def make(config: Config, recordings: Path, context: CallContext) -> IpCamera:
    """Make the endpoint for one call, as configured. Raises ConfigError if no camera is configured."""
    settings = config.media
    if not config.camera.address:
        raise ConfigError(
            "No IP camera is configured.", "Set `address` under [camera] of copybara.toml.", key="camera.address"
        )
    return IpCamera(config.camera.address, settings.width, settings.height, settings.fps, tell=context.trouble)
