"""Plays a media file over and over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from av import AudioFrame

from peer.media.ending import end
from peer.media.file_track import FileTrack
from peer.media.media_file import MediaFile, Played
from peer.media.realtime import FramePace
from peer.media.rtp.encoded import Encoded
from peer.media.rtp.incoming import key_frame_asked
from peer.media.rtp.sending import Sending
from peer.media.trouble import MediaTrouble
from peer.transport.profile import Kind
from shared.config.schema import Config
from shared.errors import ConfigError, MediaError
from shared.in_thread import in_thread_to_its_end
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)


class FilePlayer:
    """Sends a media file in real time, over and over. Does not decode what arrives.

    A new leg of the same call continues where the previous leg was lost.
    """

    name = "file"

    def __init__(
        self,
        path: Path,
        width: int = 640,
        height: int = 480,
        rate: int = 15,
        *,
        turns: int | None = None,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
    ) -> None:
        """`width`, `height` and `rate` limit the pictures: pixels, and pictures per second.

        `turns` is how many times the file is played; None: without end. `tell` is called when the rest of the file
        can't be played.
        """
        self.ended = asyncio.Event()
        "Set when the file has been played `turns` times."

        self._path = path
        self._limits = width, height, rate
        self._turns = turns
        self._tell = tell
        self._leg: Leg | None = None
        self._tracks: dict[Kind, FileTrack] = {}
        self._file: MediaFile | None = None
        self._media = Media.NONE
        self._sending = Sending()
        self._task: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to play on this leg. Raises MediaError if the file is missing or damaged, or has nothing to play."""
        await self._stop()
        if media != self._media:
            await self._close()
        if self._file is None:
            await in_thread_to_its_end(lambda: self._open(media))
        file = self._file
        assert file is not None
        pace = FramePace()
        self._tracks = {kind: FileTrack(kind, pace) for kind in file.kinds}
        self._leg = leg
        leg.tap(self._on_packet)
        await self._sending.start(leg, self._tracks.values(), tasks, endless=self._turns is None)
        self._task = tasks.create_task(self._play(file, self._tracks))

    async def detach(self) -> None:
        """End the tracks and close the file."""
        await self._stop()
        await self._close()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        await end(task)
        await self._sending.stop()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.untap(self._on_packet)

    async def _on_packet(self, data: bytes) -> None:
        if "video" in self._tracks and key_frame_asked(data):
            # The sender must read the packet first. Then its encoder makes a key frame.
            asyncio.get_running_loop().call_soon(self._tracks["video"].want_key_frame)

    def _open(self, media: Media) -> None:
        """Open the file. Store it at once, so that `detach` finds it if the attaching task is cancelled."""
        self._media, self._file = media, MediaFile(self._path, media, *self._limits, turns=self._turns)

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await in_thread_to_its_end(file.close)

    async def _play(self, file: MediaFile, tracks: dict[Kind, FileTrack]) -> None:
        try:
            # When a leg is lost, its sender ends the track.
            while any(track.readyState == "live" for track in tracks.values()):
                frame = await in_thread_to_its_end(file.read)
                await tracks[_kind_of(frame)].put(frame)
        except MediaError as error:
            if not file.ended:
                logger.warning("playing has stopped: %s", error)
                self._tell(MediaTrouble(f"The file isn't played any more. {error.sentence}", error.hint, Media.NONE))
            for track in tracks.values():
                await track.put(None)
            for track in tracks.values():
                await track.played.wait()
            self.ended.set()


def _kind_of(frame: Played) -> Kind:
    if isinstance(frame, Encoded):
        return frame.kind
    return "audio" if isinstance(frame, AudioFrame) else "video"


def make(config: Config, recordings: Path, context: CallContext) -> FilePlayer:
    """Make the endpoint for one call, as configured. Raises ConfigError if no file is configured."""
    settings = config.media
    if not settings.file:
        raise ConfigError(
            "No file to play is configured.", "Set `file` under [media] of copybara.toml.", key="media.file"
        )
    return FilePlayer(Path(settings.file), settings.width, settings.height, settings.fps, tell=context.trouble)
