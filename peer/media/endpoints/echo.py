"""Sends back the encoded frames that arrive."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet
from av.stream import Stream

from peer.media.ending import end
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.rtp.incoming import Incoming
from peer.media.rtp.sending import Sending
from peer.media.rtp.timeline import Timeline
from peer.transport.profile import CLOCK_RATES, MEDIA, Kind
from shared.config.schema import Config
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

MAX_QUEUE = 64
"How many frames may wait for the sender: more than a second of sound, two of video."

MAX_QUEUED = 1024 * 1024
"How many bytes of frames may wait for the sender: two frames of the largest size."


class MirrorTrack(MediaStreamTrack):
    """A track of encoded frames for a sender. While the sender is busy, new frames are dropped."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self._time_base = Fraction(1, CLOCK_RATES[kind])
        self._frames: asyncio.Queue[EncodedFrame | None] = asyncio.Queue(MAX_QUEUE)
        self._queued = 0
        "The bytes of the queued frames."

        self._timeline = Timeline(kind, asyncio.get_running_loop().time())

    def put(self, frame: EncodedFrame) -> bool:
        """Add a frame. Returns False if it had to be dropped."""
        if self._frames.full() or self._queued + len(frame.data) > MAX_QUEUED:
            return False
        self._frames.put_nowait(frame)
        self._queued += len(frame.data)
        return True

    async def recv(self) -> Packet[Stream]:
        """The next frame. Raises MediaStreamError once the track has ended."""
        frame = await self._frames.get() if self.readyState == "live" else None
        # The sender never waits except for frames. Let other tasks run before each frame, however many frames wait.
        await asyncio.sleep(0)
        if frame is None or self.readyState != "live":
            raise MediaStreamError
        self._queued -= len(frame.data)
        packet = Packet(frame.data)
        packet.pts = self._timeline.place(frame)
        packet.time_base = self._time_base
        return packet

    def stop(self) -> None:
        """End the track, and wake up a sender that waits for a frame."""
        super().stop()
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)


class Echo:
    """Lets the other side hear and see itself.

    The frames are not decoded. So an echo uses little processor time, loses no quality, and shows the output of the
    other side's encoder. Our sender retransmits lost packets, and passes requests for a key frame on to the source.
    """

    name = "echo"

    def __init__(self) -> None:
        self._sending = Sending()
        self._task: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to echo on this leg instead of the previous one."""
        await self.detach()
        tracks = {kind: MirrorTrack(kind) for kind, flag in MEDIA.items() if flag in media}
        await self._sending.start(leg, tracks.values(), tasks)
        self._task = tasks.create_task(_reflect(Incoming(leg, media, mirrored=True), tracks))

    async def detach(self) -> None:
        """End the tracks and stop listening."""
        task, self._task = self._task, None
        await end(task)
        await self._sending.stop()


async def _reflect(incoming: Incoming, tracks: dict[Kind, MirrorTrack]) -> None:
    incoming.open()
    try:
        while True:
            for frame in await incoming.next() or ():
                if not tracks[frame.kind].put(frame) and frame.kind == "video":
                    incoming.want_key_frame()
    finally:
        incoming.close()


def make(config: Config, recordings: Path, context: CallContext) -> Echo:
    """Make the endpoint for one call, as configured."""
    return Echo()
