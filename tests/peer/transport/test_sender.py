"""Limits of what the other side can make an encoder send by repeated requests."""

from __future__ import annotations

import asyncio
import itertools
import struct
from ipaddress import IPv4Address, IPv6Address

from aiortc import AudioStreamTrack, VideoStreamTrack
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
)

from peer.transport.leg import Leg
from peer.transport.sender import BIT_RATES, SENT_AGAIN, WHOLE_PICTURES
from peer.transport.transport_cc import feedback
from peer.transport.udp_socket import OverlaySocket
from tests.peer.pair import PATIENCE, Legs, two_legs
from tests.peer.pair import together as connect


class Noting(OverlaySocket):
    """A socket that notes the sequence numbers of its RTP packets, which SRTP doesn't encrypt."""

    def __init__(self, local: IPv4Address | IPv6Address, remote: IPv4Address | IPv6Address) -> None:
        super().__init__(local, remote)
        self.numbers: list[int] = []
        self.news = asyncio.Event()

    def send(self, datagram: bytes, remote_port: int) -> None:
        if 128 <= datagram[0] < 192 and not is_rtcp(datagram):
            self.numbers.append(int.from_bytes(datagram[2:4], "big"))
            self.news.set()
        super().send(datagram, remote_port)

    async def sent(self, count: int) -> None:
        """Wait until this many packets in all were sent."""
        async with asyncio.timeout(PATIENCE):
            while len(self.numbers) < count:
                self.news.clear()
                await self.news.wait()


async def first_packet(legs: Legs) -> tuple[int, int]:
    """Send sound from the caller. Returns the number and the SSRC of the first packet that arrives."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def sink(packet: bytes) -> None:
        if not is_rtcp(packet):
            arrived.put_nowait(packet)

    legs.callee.tap(sink)
    await legs.caller.send(AudioStreamTrack())
    async with asyncio.timeout(PATIENCE):
        packet = await arrived.get()
    return int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[8:12], "big")


async def test_a_report_that_names_one_loss_many_times_has_it_sent_again_once() -> None:
    async with two_legs(Noting) as legs:
        await connect(legs.caller, legs.callee)
        sock = legs.sockets.caller
        assert isinstance(sock, Noting)
        number, ssrc = await first_packet(legs)
        await legs.callee.send_rtp(nack(ssrc, [number] * 300))
        async with asyncio.timeout(PATIENCE):
            while sock.numbers.count(number) < 2:
                await sock.sent(len(sock.numbers) + 1)
        # Later packets show that no other copy follows.
        await sock.sent(len(sock.numbers) + 5)
        assert sock.numbers.count(number) == 2


async def test_reports_of_losses_without_end_have_no_more_sent_again_than_the_limit() -> None:
    async with two_legs(Noting) as legs:
        await connect(legs.caller, legs.callee)
        sock = legs.sockets.caller
        assert isinstance(sock, Noting)
        number, ssrc = await first_packet(legs)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(8 * SENT_AGAIN.at_once):
            await legs.callee.send_rtp(nack(ssrc, [number]))
            await asyncio.sleep(0)
        await sock.sent(len(sock.numbers) + 10)
        taken = loop.time() - began
        copies = sock.numbers.count(number) - 1
        assert 1 <= copies <= SENT_AGAIN.at_once + SENT_AGAIN.per_second * taken


async def test_nothing_is_sent_again_over_a_path_that_loses_most() -> None:
    async with two_legs(Noting) as legs:
        legs.callee.feedback.enable(False)
        await connect(legs.caller, legs.callee)
        sock = legs.sockets.caller
        assert isinstance(sock, Noting)
        number, ssrc = await first_packet(legs)
        await sock.sent(40)
        await legs.callee.send_rtp(feedback((1, ssrc), 1, [*[None] * 35, 0.0], 0))
        await legs.callee.send_rtp(nack(ssrc, [number]))
        await sock.sent(len(sock.numbers) + 20)
        assert sock.numbers.count(number) == 1


PICTURES = 60
"Two seconds of them."


class Pictures:
    """The pictures that arrive over a leg."""

    def __init__(self, leg: Leg) -> None:
        self.ssrc = 0
        self.whole = 0
        "How many of them need none before them."

        self._ended: asyncio.Queue[bool] = asyncio.Queue()
        leg.tap(self._packet)

    async def _packet(self, packet: bytes) -> None:
        if is_rtcp(packet):
            return
        self.ssrc = int.from_bytes(packet[8:12], "big")
        # RFC 7741, sections 4.2 and 4.3: the first packet of a picture, and its first bit.
        descriptor, data = VpxPayloadDescriptor.parse(RtpPacket.parse(packet).payload)
        self.whole += bool(descriptor.partition_start) and descriptor.partition_id == 0 and data[0] & 1 == 0
        if packet[1] & 0x80:
            self._ended.put_nowait(True)

    async def next(self) -> None:
        """Wait for the end of the next picture."""
        async with asyncio.timeout(PATIENCE):
            await self._ended.get()


async def test_whole_pictures_are_made_as_often_as_the_limit_says_however_often_they_are_asked_for() -> None:
    async with two_legs() as legs:
        await connect(legs.caller, legs.callee)
        pictures = Pictures(legs.callee)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await legs.caller.send(VideoStreamTrack())
        await pictures.next()
        assert pictures.whole == 1, "the first one is, unasked"
        for _ in range(PICTURES):
            await legs.callee.send_rtp(bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, pictures.ssrc)))
            await pictures.next()
        allowed = WHOLE_PICTURES.at_once + WHOLE_PICTURES.per_second * (loop.time() - began)
        assert 1 <= pictures.whole - 1 <= allowed


async def test_bit_rates_without_end_make_no_new_encoder_with_each_picture() -> None:
    async with two_legs() as legs:
        await connect(legs.caller, legs.callee)
        # Where each packet's arrival is reported, nobody's estimate counts.
        legs.callee.feedback.enable(False)
        pictures = Pictures(legs.callee)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await legs.caller.send(VideoStreamTrack())
        await pictures.next()
        taken = [legs.caller._own_path.carries.bits]
        for number in range(PICTURES):
            wanted = pack_remb_fci((300_000, 1_400_000)[number % 2], [pictures.ssrc])
            await legs.callee.send_rtp(bytes(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, wanted)))
            await pictures.next()
            taken.append(legs.caller._own_path.carries.bits)
        changes = sum(before != after for before, after in itertools.pairwise(taken))
        assert 1 <= changes <= BIT_RATES.at_once + BIT_RATES.per_second * (loop.time() - began)


def nack(ssrc: int, lost: list[int]) -> bytes:
    """A generic NACK that requests each of these packets once (RFC 4585, section 6.2.1)."""
    packet = bytearray(bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=ssrc)))
    body = b"".join(struct.pack("!HH", number, 0) for number in lost)
    packet[2:4] = struct.pack("!H", (len(packet) + len(body)) // 4 - 1)
    return bytes(packet) + body
