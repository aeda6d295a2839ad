"""Frames that come when they come: from a microphone or a camera, for the code that sends them."""

from __future__ import annotations

import asyncio

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from peer.transport.profile import Kind

WAITING: dict[Kind, int] = {"audio": 25, "video": 1}
"Frames that may wait for a sender that is held up; then the oldest is dropped. It takes what waits at once."


class LiveTrack(MediaStreamTrack):
    """What is put in from now on. Frames bring their own timestamps."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self._frames: asyncio.Queue[AudioFrame | VideoFrame | None] = asyncio.Queue(WAITING[kind])

    def put(self, frame: AudioFrame | VideoFrame) -> None:
        """Hand over a frame. An ended track takes nothing."""
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
        """End the track, also for a sender that waits for a frame."""
        super().stop()
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)
