"""The relay between two real legs: all packets unchanged in both directions, and nothing that wasn't agreed."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from aiortc.rtp import RTCP_PSFB_APP, RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket, pack_remb_fci
from av import AudioFrame, VideoFrame

from peer.transport.relay import Relay, RelayCounters
from peer.transport.rtp_packets import is_rtp
from shared.media import Media
from tests.peer.decoding_leg import DecodingLeg
from tests.peer.pair import PATIENCE, connected

SSRCS = {111: 7, 96: 8}


def rtp(sequence: int, *, payload_type: int = 96, rest: bytes = bytes(20), first: int = 0x80) -> bytes:
    return struct.pack("!BBHLL", first, payload_type, sequence, sequence * 960, SSRCS.get(payload_type, 9)) + rest


EXTENSIONS = bytes.fromhex("bede0003103022010203310004000000") + b"\x90\x80\x01picture"
"A one-byte header extension (RFC 8285) with MID, abs-send-time and a transport-wide sequence number."

TRANSPORT_CC = bytes.fromhex("8fcd0005000000010000000800010004000001002004040404040000")
"Transport-wide feedback that aiortc can't read."


class Sink:
    """Keeps what a leg receives."""

    def __init__(self, leg: DecodingLeg) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()
        leg.tap(self._tap)

    async def _tap(self, packet: bytes) -> None:
        self.packets.put_nowait(packet)

    async def next(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.packets.get()

    async def gets(self, packet: bytes) -> None:
        """Wait for this packet. An end that decodes may request a whole picture before it."""
        while (there := await self.next()) != packet:
            assert not is_rtp(there)


@dataclass
class Relayed:
    """`far` is connected over the overlay to `overlay`, which is relayed with `own`, which is connected to `near`."""

    far: DecodingLeg
    overlay: DecodingLeg
    own: DecodingLeg
    near: DecodingLeg
    relay: Relay


@asynccontextmanager
async def relayed(
    media: Media = Media.BOTH, left_out: Callable[[bytes], bool] = lambda packet: False
) -> AsyncIterator[Relayed]:
    async with connected() as first, connected() as second:
        relay = Relay(first.callee, second.caller, media, RelayCounters(), left_out)
        relay.start()
        # The two ends stand for browsers, and browsers answer when they like.
        first.caller.feedback.enable(False)
        second.callee.feedback.enable(False)
        try:
            yield Relayed(first.caller, first.callee, second.caller, second.callee, relay)
        finally:
            relay.stop()


@pytest.mark.parametrize(
    "packet",
    [
        rtp(1, payload_type=111),
        rtp(1, payload_type=111 | 0x80),
        rtp(65535, rest=b""),
        rtp(7, first=0x90, rest=EXTENSIONS),
        rtp(8, first=0xB0, rest=EXTENSIONS + b"\0\0\0\4"),
        rtp(9, first=0x81, rest=struct.pack("!L", 44) + bytes(1100)),
        bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, 8)),
        bytes(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, 8, [4, 5, 9])),
        bytes(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, pack_remb_fci(1_500_000, [8]))),
        TRANSPORT_CC,
    ],
    ids=[
        "sound",
        "marker",
        "empty",
        "header-extensions",
        "padding",
        "contributing-source",
        "PLI",
        "NACK",
        "REMB",
        "transport-cc",
    ],
)
async def test_a_packet_arrives_as_it_was_in_both_directions(packet: bytes) -> None:
    async with relayed() as legs:
        near, far = Sink(legs.near), Sink(legs.far)
        await legs.far.send_rtp(packet)
        await near.gets(packet)
        await legs.near.send_rtp(packet)
        await far.gets(packet)
        counters = legs.relay.counters
        for way in (counters.inward, counters.outward):
            assert way.dropped == 0
            assert way.rtcp_packets or is_rtp(packet)
            assert (way.rtp_packets, way.rtp_bytes) == ((1, len(packet)) if is_rtp(packet) else (0, 0))


async def test_a_sound_only_call_lets_no_picture_through_in_either_direction() -> None:
    async with relayed(Media.AUDIO) as legs:
        near, far = Sink(legs.near), Sink(legs.far)
        sound = rtp(2, payload_type=111)
        for leg, other in ((legs.far, near), (legs.near, far)):
            await leg.send_rtp(rtp(1))
            await leg.send_rtp(sound)
            assert await other.next() == sound
        assert legs.relay.counters.inward.dropped == legs.relay.counters.outward.dropped == 1


async def test_what_is_left_out_is_so_in_one_direction_and_of_rtp_alone() -> None:
    async with relayed(left_out=lambda packet: packet[8:12] == rtp(0, payload_type=111)[8:12]) as legs:
        near, far = Sink(legs.near), Sink(legs.far)
        report = bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 7, 7))
        for packet in (rtp(1, payload_type=111), rtp(1), report):
            await legs.far.send_rtp(packet)
        assert [await near.next(), await near.next()] == [rtp(1), report]
        await legs.near.send_rtp(rtp(2, payload_type=111))
        assert await far.next() == rtp(2, payload_type=111)


async def test_what_is_of_no_profile_is_not_passed_on() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        await legs.far.send_rtp(rtp(1, payload_type=100))
        await legs.far.send_rtp(rtp(2))
        assert await near.next() == rtp(2)
        assert legs.relay.counters.inward.dropped == 0
        assert legs.overlay.counters.malformed == 1


async def test_after_the_end_nothing_passes_and_the_legs_live_on() -> None:
    async with relayed() as legs:
        near, far, overlay = Sink(legs.near), Sink(legs.far), Sink(legs.overlay)
        legs.relay.stop()
        legs.relay.stop()
        await legs.far.send_rtp(rtp(1))
        assert await overlay.next() == rtp(1)
        legs.relay.start()
        await legs.far.send_rtp(rtp(2))
        assert await near.next() == rtp(2)
        await legs.near.send_rtp(rtp(3))
        assert await far.next() == rtp(3)


async def test_who_taps_a_relayed_leg_hears_what_passes_and_everything_passes_once() -> None:
    async with relayed() as legs:
        near, overlay = Sink(legs.near), Sink(legs.overlay)
        report = bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, 8))
        for packet in (rtp(1), report, rtp(2)):
            await legs.far.send_rtp(packet)
        for sink in (overlay, near):
            assert [await sink.next() for _ in range(3)] == [rtp(1), report, rtp(2)]
        assert legs.relay.counters.inward.rtp_packets == 2


async def test_no_packet_is_relayed_that_was_changed_on_the_way() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        seals = legs.far._dtls._tx_srtp
        spoiled: tuple[Callable[[bytes], bytes], ...]
        spoiled = (lambda each: each[:-1], lambda each: each + b"x", lambda each: each[:13])
        for number, spoil in enumerate(spoiled):
            await legs.far._dtls.transport._send(spoil(seals.protect(rtp(number + 1))))
        await legs.far._dtls.transport._send(b"\x80")
        await legs.far.send_rtp(rtp(9))
        assert await near.next() == rtp(9)
        assert legs.relay.counters.inward.rtp_packets == 1


async def test_what_is_forged_or_repeated_among_others_costs_nothing_else() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        packets = [rtp(number, rest=bytes(600)) for number in (1, 2)]
        first, last = map(legs.far._dtls._tx_srtp.protect, packets)
        for datagram in (first, first, last[:-1], b"\x80", last[:11] + bytes(600), last):
            await legs.far._dtls.transport._send(datagram)
        assert [await near.next() for _ in packets] == packets
        assert legs.relay.counters.inward.rtp_packets == 2


async def test_a_leg_that_is_silent_gets_no_rtp_of_a_stream_that_passes_already() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        report = bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, 8))
        await legs.far.send_rtp(rtp(1))
        assert await near.next() == rtp(1)
        legs.own.silence(True)
        for packet in (rtp(2), report):
            await legs.far.send_rtp(packet)
        assert await near.next() == report
        legs.own.silence(False)
        await legs.far.send_rtp(rtp(3))
        assert await near.next() == rtp(3)
        assert legs.relay.counters.inward.rtp_packets == 3


async def test_who_taps_what_a_relayed_leg_sends_sees_also_streams_that_pass_already() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        seen: list[bytes] = []
        for number in range(4):
            if number == 1:
                legs.own.tap_sent(seen.append)
            if number == 3:
                legs.own.untap_sent(seen.append)
            await legs.far.send_rtp(rtp(number))
            assert await near.next() == rtp(number)
        assert seen == [rtp(1), rtp(2)]


@pytest.mark.parametrize("passes_already", [False, True])
async def test_a_relay_that_fails_is_heard_of_and_the_legs_live_on(passes_already: bool) -> None:
    def fails(packet: bytes) -> bool:
        return packet[2:4] == b"\0\2" and bool(1 // 0)

    async with relayed(left_out=fails) as legs:
        near, far = Sink(legs.near), Sink(legs.far)
        failures: asyncio.Queue[Exception] = asyncio.Queue()
        legs.overlay.tap_failures.listen(failures.put_nowait)
        if passes_already:
            await legs.far.send_rtp(rtp(1))
            assert await near.next() == rtp(1)
        await legs.far.send_rtp(rtp(2))
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await failures.get(), ZeroDivisionError)
        await legs.near.send_rtp(rtp(1))
        assert await far.next() == rtp(1)


async def test_what_is_forged_is_no_sign_of_the_other_side() -> None:
    async with relayed() as legs:
        near = Sink(legs.near)
        await legs.far.send_rtp(rtp(1))
        assert await near.next() == rtp(1)
        sealed = legs.far._dtls._tx_srtp.protect(rtp(2))
        heard = legs.overlay._dtls.last_heard
        assert legs.overlay._dtls._taken_at_once([sealed[:-1] + bytes([sealed[-1] ^ 1])]) == []
        assert legs.overlay._dtls.last_heard == heard
        assert legs.overlay._dtls._taken_at_once([sealed]) == []
        assert legs.overlay._dtls.last_heard != heard
        assert await near.next() == rtp(2)


async def test_the_ends_answer_for_arrival_and_the_middle_only_while_it_relays_nothing() -> None:
    async with relayed() as legs:
        assert not legs.overlay.feedback.enabled
        assert not legs.own.feedback.enabled
        legs.relay.stop()
        assert legs.overlay.feedback.enabled
        assert legs.own.feedback.enabled


async def test_sound_and_picture_are_seen_through_the_relay_both_ways() -> None:
    async with relayed() as legs:
        tracks = [await leg.receive(kind) for leg in (legs.far, legs.near) for kind in ("audio", "video")]
        for leg in (legs.far, legs.near):
            await leg.send(AudioStreamTrack())
            await leg.send(VideoStreamTrack())
        async with asyncio.timeout(PATIENCE):
            frames = [await track.recv() for track in tracks]
        assert [type(frame) for frame in frames] == [AudioFrame, VideoFrame] * 2
        assert legs.relay.counters.inward.dropped == legs.relay.counters.outward.dropped == 0


async def test_a_leg_that_is_gone_costs_the_other_nothing() -> None:
    async with relayed() as legs:
        await legs.near.close()
        await legs.far.send_rtp(rtp(1))
        back = Sink(legs.far)
        await legs.overlay.send_rtp(rtp(2))
        assert await back.next() == rtp(2)
