"""The alternative to a leg: aiortc's RTCPeerConnection, whose offer and answer are handed over whole.

It gets every advantage that it can have: no STUN server is asked, there is one host candidate, on loopback as ours
is, and one bundled transport. It sends the same tracks, with the same encoders, and has a data channel as ours does.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest.mock import patch

import aiortc.rtcrtpreceiver
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.one_address import only
from benchmarks.timing import CallTimes, SideTimes
from peer.media.endpoints.pattern import Bars, BarsTrack, ToneTrack
from peer.media.realtime import FramePace

LOOPBACK = "127.0.0.1"
WIDTH, HEIGHT, RATE = 640, 480, 15
"Pixels, and frames a second: what ours sends unless configured otherwise."

BARS = Bars(WIDTH, HEIGHT)


def on_loopback() -> AbstractContextManager[None]:
    """Let connections gather 127.0.0.1, which aioice leaves out, and no other address."""
    return only(LOOPBACK)


@contextlib.contextmanager
def undecoded() -> Iterator[None]:
    """Let receivers throw away what arrives where aiortc would decode it: our pattern doesn't decode either."""

    def discard(loop: object, arriving: queue.Queue[object], *rest: object) -> None:
        while arriving.get() is not None:
            pass

    with patch.object(aiortc.rtcrtpreceiver, "decoder_worker", discard):
        yield


class Side:
    """One end of a call."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        pace = FramePace()
        self._tracks = (ToneTrack(pace), BarsTrack(pace, BARS, RATE))
        for track in self._tracks:
            self.connection.addTrack(track)
        self.connection.createDataChannel("control", negotiated=True, id=0)
        loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[float] = loop.create_future()
        self._first_media: asyncio.Future[float] = loop.create_future()
        self.connection.on("connectionstatechange", self._state_changed)
        self._watch_packets()

    async def offer(self) -> str:
        """Begin a call; the SDP, with the candidate in it."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answer(self, offer: str) -> str:
        """Take a call; the SDP, with the candidate in it."""
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Connect to the one that answered."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def times(self) -> SideTimes:
        """Wait until media arrives."""
        return SideTimes(await self._connected, await self._first_media)

    async def close(self) -> None:
        """End everything that runs for it."""
        for track in self._tracks:
            track.stop()
        await self.connection.close()

    def _state_changed(self) -> None:
        if self.connection.connectionState == "connected" and not self._connected.done():
            self._connected.set_result(time.monotonic())

    def _watch_packets(self) -> None:
        # Where ours counts as well: after decryption, before anything is done with the packet.
        assert self.connection.sctp is not None
        transport = self.connection.sctp.transport
        handle = transport._handle_rtp_data

        async def handled(data: bytes, arrival_time_ms: int) -> None:
            if not self._first_media.done():
                self._first_media.set_result(time.monotonic())
            await handle(data, arrival_time_ms)

        transport._handle_rtp_data = handled  # type: ignore[method-assign]


async def peer_connection_call() -> CallTimes:
    """Offer and answer are passed by function call."""
    calling, called = Side(), None
    try:
        offer = await calling.offer()

        read = time.monotonic()
        called = Side()
        answer = await called.answer(offer)

        last_read = time.monotonic()
        await calling.accept(answer)
        return CallTimes.of(read, last_read, await calling.times(), await called.times())
    finally:
        for side in (calling, called):
            if side is not None:
                await side.close()
