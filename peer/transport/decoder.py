"""Decodes one kind of media into frames, on aiortc's receiver.

Private names of aiortc's receiver and its track are used here and nowhere else;
tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import asyncio
import queue
import secrets

from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket
from av.frame import Frame

from peer.transport.profile import Kind, receive_parameters

TRACK_FRAMES: dict[Kind, int] = {"audio": 100, "video": 60}
"Decoded frames kept for a slow reader, about two seconds; then the oldest are dropped."


class DecodedTrack(RemoteStreamTrack):
    """What one receiver decodes, as frames. A slow reader loses the oldest, so that it never falls far behind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._queue = _NewestFrames(TRACK_FRAMES[kind])


class _NewestFrames(asyncio.Queue[Frame | None]):
    async def put(self, item: Frame | None) -> None:
        while self.full():
            self.get_nowait()
        self.put_nowait(item)


class DecodingReceiver(RTCRtpReceiver):
    """Decodes what arrives of one kind into a track, through changes of the sender's stream."""

    _RTCRtpReceiver__decoder_queue: queue.Queue[object]

    def __init__(self, kind: Kind, transport: RTCDtlsTransport) -> None:
        super().__init__(kind, transport)
        self._parameters = receive_parameters(kind)
        self.decoded = DecodedTrack(kind)
        self._track = self.decoded
        # Without an SSRC of its own aiortc's receiver sends no reports, no NACK and no PLI.
        self._set_rtcp_ssrc(secrets.randbits(32))

    async def start(self) -> None:
        """Start the decoder's thread."""
        await self.receive(self._parameters)

    async def stop(self) -> None:
        """End the decoder's thread and the track."""
        self._forget_undecoded()
        await super().stop()
        # What the thread left takes two turns of the loop: one to become a task, one for the task to run.
        for _ in range(2):
            await asyncio.sleep(0)

    def _forget_undecoded(self) -> None:
        # The event loop waits for the thread to end. What nobody will see needn't be decoded first.
        undecoded = self._RTCRtpReceiver__decoder_queue
        with undecoded.mutex:
            undecoded.queue.clear()

    # What aiortc calls.

    def _handle_disconnect(self) -> None:
        self._forget_undecoded()
        super()._handle_disconnect()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        # aiortc ends the decoder with the stream. Ours waits for the next one: after a BYE the other side may start
        # another endpoint in the same call.
        if not isinstance(packet, RtcpByePacket):
            await super()._handle_rtcp_packet(packet)
