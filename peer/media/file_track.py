"""A track of frames that are read ahead from a file. It gives each frame when it is due."""

from __future__ import annotations

import asyncio

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame
from av.packet import Packet
from av.stream import Stream

from peer.media.media_file import Played
from peer.media.realtime import FramePace
from peer.media.rtp.encoded import Encoded, VP8Pictures
from peer.transport.profile import Kind

READ_AHEAD: dict[Kind, int] = {"audio": 50, "video": 15}
"How many frames are decoded before they are due: about a second of each kind."


class FileTrack(MediaStreamTrack):
    """The sound or the pictures of a file. It gives each frame when it is due."""

    def __init__(self, kind: Kind, pace: FramePace) -> None:
        super().__init__()
        self.kind = kind
        self.played = asyncio.Event()
        "Set when the last frame has been given."

        self._pace = pace
        self._pictures = VP8Pictures()
        self._frames: asyncio.Queue[Played | None] = asyncio.Queue(READ_AHEAD[kind])

    async def put(self, frame: Played | None) -> None:
        """Add a frame, or None for the end. Waits while READ_AHEAD frames are queued.

        An ended track drops the frame.
        """
        if self.readyState == "live":
            await self._frames.put(frame)

    async def recv(self) -> AudioFrame | VideoFrame | Packet[Stream]:
        """The next frame when it is due. Raises MediaStreamError once the track has ended."""
        while True:
            frame = await self._frames.get() if self.readyState == "live" else None
            if frame is not None and frame.time is not None:
                await self._pace.until(frame.time)
            if self.readyState != "live":
                raise MediaStreamError
            if frame is None:
                self.played.set()
                raise MediaStreamError
            if not isinstance(frame, Encoded):
                return frame
            if frame.kind == "audio":
                return frame.packet()
            if (picture := await self._pictures.next(frame)) is not None:
                return picture

    def want_key_frame(self) -> None:
        """Called when the other side needs a key frame.

        It does nothing: the encoder makes one without being told here.
        """
        self._pictures.want_key_frame()

    def stop(self) -> None:
        """End the track, and wake up tasks that wait to put or get a frame."""
        super().stop()
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)
