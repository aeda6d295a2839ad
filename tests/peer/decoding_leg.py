"""A leg that decodes arriving media with aiortc's receiver, so that tests see and hear the other side.

The program itself decodes in peer/media, or not at all. This module uses private names of aiortc's receiver and its
track; tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import secrets

from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket
from av.frame import Frame

from peer.transport.leg import Leg
from peer.transport.profile import Kind, VideoCodec, receive_parameters
from peer.transport.sdp_leg import SdpLeg
from shared.errors import LegFailed

TRACK_FRAMES: dict[Kind, int] = {"audio": 100, "video": 60}
"Decoded frames that are kept for a slow reader, about two seconds. Beyond that the oldest are dropped."


class DecodedTrack(RemoteStreamTrack):
    """The decoded frames of one receiver. A slow reader loses the oldest frames, so it never falls far behind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._queue = _NewestFrames(TRACK_FRAMES[kind])


class _NewestFrames(asyncio.Queue[Frame | None]):
    async def put(self, item: Frame | None) -> None:
        while self.full():
            self.get_nowait()
        self.put_nowait(item)


class DecodingReceiver(RTCRtpReceiver):
    """Decodes the packets of one kind into a track, and continues when the sender's stream changes."""

    _RTCRtpReceiver__decoder_queue: queue.Queue[object]

    def __init__(self, kind: Kind, transport: RTCDtlsTransport, video: VideoCodec = VideoCodec.VP8) -> None:
        """`video` is the codec of the pictures."""
        super().__init__(kind, transport)
        self._parameters = receive_parameters(kind, video)
        self.decoded = DecodedTrack(kind)
        self._track = self.decoded
        # Without its own SSRC, aiortc's receiver sends no reports, no NACK and no PLI.
        self._set_rtcp_ssrc(secrets.randbits(32))

    async def start(self) -> None:
        """Start the decoder's thread."""
        await self.receive(self._parameters)

    async def stop(self) -> None:
        """End the decoder's thread and the track."""
        self._forget_undecoded()
        await super().stop()
        # A callback of the thread takes two turns of the loop: one to become a task, one to run.
        for _ in range(2):
            await asyncio.sleep(0)

    def _forget_undecoded(self) -> None:
        # The event loop waits for the thread to end. Frames that nobody will see need not be decoded first.
        undecoded = self._RTCRtpReceiver__decoder_queue
        with undecoded.mutex:
            undecoded.queue.clear()

    # What aiortc calls.

    def _handle_disconnect(self) -> None:
        self._forget_undecoded()
        super()._handle_disconnect()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        # aiortc ends the decoder with the stream. This decoder waits for the next stream: after a BYE the other side
        # may start another endpoint in the same call.
        if not isinstance(packet, RtcpByePacket):
            await super()._handle_rtcp_packet(packet)


class DecodingLeg(Leg):
    """A leg whose media can be received as frames."""

    @functools.cached_property
    def _receivers(self) -> dict[Kind, DecodingReceiver]:
        return {}

    async def receive(self, kind: Kind) -> DecodedTrack:
        """Start to decode a kind and return the track of its frames. It ends with the leg or `stop_receiving`.

        May be called before `connect`, so that the first frame isn't missed. Raises LegFailed if the leg is closed.
        """
        if self.closed.is_set():
            raise LegFailed("The other side can't be reached any more.")
        await self.stop_receiving(kind)
        self._receivers[kind] = receiver = DecodingReceiver(kind, self._dtls, self.variant.video)
        await receiver.start()
        return receiver.decoded

    async def stop_receiving(self, kind: Kind) -> None:
        """Stop decoding a kind; its packets are counted and go to sinks as before."""
        receiver = self._receivers.pop(kind, None)
        if receiver is not None:
            await receiver.stop()

    async def close(self) -> None:
        """See Leg."""
        self._end()
        for kind in tuple(self._receivers):
            await self.stop_receiving(kind)
        await super().close()


class DecodingSdpLeg(DecodingLeg, SdpLeg):
    """A DecodingLeg to another program."""
