"""An SDP leg on a path that loses packets: requests by NACK, PLI and REMB pass through the translation, both ways.

The other program is aiortc's own RTCPeerConnection. Our socket loses the packets, which are encrypted there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from aiortc import RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    unpack_remb_fci,
)

from peer.media.endpoints.pattern import Pattern
from peer.overlay import Address
from peer.transport.profile import VIDEO_PAYLOAD_TYPE
from peer.transport.rtp_packets import is_rtp
from peer.transport.rtp_statistics import RTP_HEADER
from peer.transport.udp_socket import OverlaySocket
from shared.media import Media
from tests.peer.decoding_leg import DecodingSdpLeg
from tests.peer.own_namespace import in_own_namespace
from tests.peer.transport.test_sdp_leg import PATIENCE, Other, Side, both_sides

Feedback = TypeVar("Feedback", RtcpPsfbPacket, RtcpRtpfbPacket)

ONE_OF = 7
"One of this many packets of the picture is lost when it is sent first."

ENOUGH = 5
"Packets that were lost and then arrived."

Header = tuple[int, int, int]
"Payload type, sequence number and SSRC. Encryption leaves these unchanged."


def header(datagram: bytes) -> Header | None:
    """The header of an encrypted RTP packet, None for anything else (RFC 7983)."""
    if not 128 <= datagram[0] < 192 or not is_rtp(datagram):
        return None
    _, second, sequence, _, ssrc = RTP_HEADER.unpack_from(datagram)
    return second & 0x7F, sequence, ssrc


class Way:
    """One direction of a path that loses packets of a picture."""

    def __init__(self) -> None:
        self.picture = -1
        "The payload type of the packets that are lost."

        self.lost: set[Header] = set()
        self.again: asyncio.Queue[Header] = asyncio.Queue()
        self._seen = 0

    def loses(self, datagram: bytes) -> bool:
        found = header(datagram)
        if found is None or found[0] != self.picture:
            return False
        if found in self.lost:
            self.lost.remove(found)
            self.again.put_nowait(found)
            return False
        self._seen += 1
        if self._seen % ONE_OF == 0:
            self.lost.add(found)
            return True
        return False


class LossySocket(OverlaySocket):
    """Loses some packets of both pictures, each once."""

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        self.outward, self.inward = Way(), Way()

    def send(self, datagram: bytes, remote_port: int) -> None:
        if not self.outward.loses(datagram):
            super().send(datagram, remote_port)

    def media_received(self, datagrams: list[bytes], addr: tuple[str, int]) -> None:
        if left := [datagram for datagram in datagrams if not self.inward.loses(datagram)]:
            super().media_received(left, addr)


class Call:
    """A call between a leg and the other program, and the RTCP requests that each sender got."""

    def __init__(self, side: Side, other: Other, leg: DecodingSdpLeg) -> None:
        self.side, self.other, self.leg = side, other, leg
        self.asked_us: asyncio.Queue[AnyRtcpPacket] = asyncio.Queue()
        self.asked_them: asyncio.Queue[AnyRtcpPacket] = asyncio.Queue()
        self.came: asyncio.Queue[RtpPacket] = asyncio.Queue()
        "The packets of our picture, as the other program has them."

        self.sender: RTCRtpSender = next(
            sender for sender in other.connection.getSenders() if sender.track.kind == "video"
        )
        self.receiver: RTCRtpReceiver = next(
            receiver for receiver in other.connection.getReceivers() if receiver.track.kind == "video"
        )
        self._watch()

    def _watch(self) -> None:
        handle_rtcp, handle_rtp = self.sender._handle_rtcp_packet, self.receiver._handle_rtp_packet

        async def asked(packet: AnyRtcpPacket) -> None:
            self.asked_them.put_nowait(packet)
            await handle_rtcp(packet)

        async def came(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.came.put_nowait(packet)
            await handle_rtp(packet, arrival_time_ms=arrival_time_ms)

        async def tapped(packet: bytes) -> None:
            if not is_rtp(packet):
                for each in RtcpPacket.parse(packet):
                    self.asked_us.put_nowait(each)

        self.sender._handle_rtcp_packet = asked  # type: ignore[method-assign]
        self.receiver._handle_rtp_packet = came  # type: ignore[method-assign]
        self.leg.tap(tapped)


@contextlib.asynccontextmanager
async def call() -> AsyncIterator[Call]:
    """Let the other program call, and send sound and picture over a path that loses some of the picture."""
    async with both_sides(LossySocket) as (side, other), asyncio.timeout(PATIENCE):
        answer, leg = side.answer(await other.offer())
        assert isinstance(side.socket, LossySocket)
        number = next(stream.payload_type for stream in leg._agreement.streams.values() if stream.kind == "video")
        assert number != VIDEO_PAYLOAD_TYPE, "something has to be translated"
        side.socket.outward.picture = side.socket.inward.picture = number
        await other.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            track = await leg.receive("video")
            made = Call(side, other, leg)
            await leg.connect()
            endpoint = Pattern(320, 240, 15)
            async with asyncio.TaskGroup() as tasks:
                await endpoint.attach(leg, Media.BOTH, tasks)
                await other.frames["video"].wait()
                await track.recv()
                yield made
                await endpoint.detach()
        finally:
            await leg.close()


async def until(queue: asyncio.Queue[AnyRtcpPacket], kind: type[Feedback], fmt: int) -> Feedback:
    """Wait for the next packet of this kind and format (RFC 4585, section 6.1)."""
    while not isinstance(packet := await queue.get(), kind) or packet.fmt != fmt:
        pass
    return packet


def whole_picture_begins(packet: RtpPacket) -> bool:
    """Whether a packet of VP8 begins a whole picture (RFC 7741, sections 4.2 and 4.3)."""
    descriptor, data = VpxPayloadDescriptor.parse(packet.payload)
    return bool(descriptor.partition_start and descriptor.partition_id == 0 and data and not data[0] & 1)


def test_what_is_lost_on_the_way_is_sent_again_under_the_announced_name_and_number() -> None:
    async def scene() -> None:
        async with call() as on:
            socket = on.side.socket
            assert isinstance(socket, LossySocket)
            theirs = on.sender._ssrc
            for _ in range(ENOUGH):
                number, _, ssrc = await socket.outward.again.get()
                assert (number, ssrc) == (socket.outward.picture, on.side.own.ssrcs["video"])
                number, _, ssrc = await socket.inward.again.get()
                assert (number, ssrc) == (socket.inward.picture, theirs)
            nack = await until(on.asked_us, RtcpRtpfbPacket, RTCP_RTPFB_NACK)
            assert nack.media_ssrc == on.leg._senders["video"]._ssrc, "our sender knows the stream as its own"

    in_own_namespace(scene)


def test_either_side_asks_the_other_for_a_whole_picture_and_gets_it() -> None:
    async def scene() -> None:
        async with call() as on:
            while not on.came.empty():
                on.came.get_nowait()
            await on.receiver._send_rtcp_pli(on.side.own.ssrcs["video"])
            pli = await until(on.asked_us, RtcpPsfbPacket, RTCP_PSFB_PLI)
            assert pli.media_ssrc == on.leg._senders["video"]._ssrc
            while not whole_picture_begins(await on.came.get()):
                pass
            whole: asyncio.Event = asyncio.Event()

            async def look(packet: bytes) -> None:
                picture = is_rtp(packet) and packet[1] & 0x7F == VIDEO_PAYLOAD_TYPE
                if picture and whole_picture_begins(RtpPacket.parse(packet)):
                    whole.set()

            on.leg.tap(look)
            await on.leg.request_keyframe()
            pli = await until(on.asked_them, RtcpPsfbPacket, RTCP_PSFB_PLI)
            assert pli.media_ssrc == on.sender._ssrc
            await whole.wait()

    in_own_namespace(scene)


def test_each_sender_hears_how_much_the_other_side_can_receive() -> None:
    async def scene() -> None:
        async with call() as on:
            assert on.leg.variant.transport_cc == frozenset(), "aiortc reports in REMB alone"
            for queue, ssrc in ((on.asked_us, on.leg._senders["video"]._ssrc), (on.asked_them, on.sender._ssrc)):
                estimate = await until(queue, RtcpPsfbPacket, RTCP_PSFB_APP)
                bitrate, ssrcs = unpack_remb_fci(estimate.fci)
                assert ssrcs == [ssrc]
                assert bitrate > 0

    in_own_namespace(scene)
