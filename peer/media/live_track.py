"""A track for frames from a microphone or a camera, which nothing delays."""

from __future__ import annotations

import asyncio

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from peer.transport.profile import Kind

WAITING: dict[Kind, int] = {"audio": 25, "video": 1}
"How many frames may wait for a busy sender before the oldest is dropped. The sender takes waiting frames at once."


class LiveTrack(MediaStreamTrack):
    """A track that gives the frames that are put in. Frames bring their own timestamps."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self._frames: asyncio.Queue[AudioFrame | VideoFrame | None] = asyncio.Queue(WAITING[kind])

    def put(self, frame: AudioFrame | VideoFrame) -> None:
        """Add a frame. An ended track drops it."""
        if self.readyState == "live":
            if self._frames.full():
                self._frames.get_nowait()
            self._frames.put_nowait(frame)

    async def recv(self) -> AudioFrame | VideoFrame:
        """The next frame. Raises MediaStreamError once the track has ended."""
        frame = await self._frames.get() if self.readyState == "live" else None
        if frame is None or self.readyState != "live":
            raise MediaStreamError
        return frame

    def stop(self) -> None:
        """End the track, and wake up a sender that waits for a frame."""
        super().stop()
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)
