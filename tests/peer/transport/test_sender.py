"""Limits of what the other side can make an encoder send by repeated requests."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    is_rtcp,
    pack_remb_fci,
)

from peer.transport.sender import BIT_RATES, SENT_AGAIN, WHOLE_PICTURES
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


async def test_whole_pictures_are_made_as_often_as_the_limit_says_however_often_they_are_asked_for() -> None:
    async with two_legs() as legs:
        await connect(legs.caller, legs.callee)
        pictures: asyncio.Queue[bool] = asyncio.Queue()
        ssrcs: list[int] = []

        async def sink(packet: bytes) -> None:
            if not is_rtcp(packet) and packet[1] & 0x80:
                ssrcs.append(int.from_bytes(packet[8:12], "big"))
                pictures.put_nowait(True)

        legs.callee.tap(sink)
        await legs.caller.send(VideoStreamTrack())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            await pictures.get()
            asked, began = 0, loop.time()
            sender = legs.caller._senders["video"]
            made: list[float] = []
            send_keyframe = sender._send_keyframe

            def noted() -> None:
                made.append(loop.time())
                send_keyframe()

            sender._send_keyframe = noted  # type: ignore[method-assign]
            while asked < 500 or not made:
                await legs.callee.send_rtp(bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, ssrcs[0])))
                asked += 1
                await asyncio.sleep(0)
            for _ in range(5):
                await pictures.get()
        assert 1 <= len(made) <= WHOLE_PICTURES.at_once + WHOLE_PICTURES.per_second * (loop.time() - began)


async def test_bit_rates_without_end_make_no_new_encoder_with_each_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[int] = []
    bit_rate = Vp8Encoder.target_bitrate

    def name(encoder: Vp8Encoder, wanted: int) -> None:
        named.append(wanted)
        bit_rate.fset(encoder, wanted)

    monkeypatch.setattr(Vp8Encoder, "target_bitrate", property(bit_rate.fget, name))
    async with two_legs() as legs:
        await connect(legs.caller, legs.callee)
        pictures: asyncio.Queue[int] = asyncio.Queue()

        async def sink(packet: bytes) -> None:
            if not is_rtcp(packet) and packet[1] & 0x80:
                pictures.put_nowait(int.from_bytes(packet[8:12], "big"))

        legs.callee.tap(sink)
        await legs.caller.send(VideoStreamTrack())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            ssrc = await pictures.get()
            began = loop.time()
            for number in range(500):
                wanted = pack_remb_fci((300_000, 1_400_000)[number % 2], [ssrc])
                await legs.callee.send_rtp(bytes(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, wanted)))
                await asyncio.sleep(0)
            for _ in range(5):
                await pictures.get()
        assert 1 <= len(named) <= BIT_RATES.at_once + BIT_RATES.per_second * (loop.time() - began)


def nack(ssrc: int, lost: list[int]) -> bytes:
    """A generic NACK that requests each of these packets once (RFC 4585, section 6.2.1)."""
    packet = bytearray(bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=ssrc)))
    body = b"".join(struct.pack("!HH", number, 0) for number in lost)
    packet[2:4] = struct.pack("!H", (len(packet) + len(body)) // 4 - 1)
    return bytes(packet) + body
