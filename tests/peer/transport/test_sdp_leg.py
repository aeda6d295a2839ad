"""The SDP leg with aiortc's own RTCPeerConnection as the other program, over real sockets in a namespace."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from peer.media.endpoints.pattern import Pattern
from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import ports_at
from peer.transport.sdp.negotiation import accept_answer, accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.writing import OwnOffer, OwnSide, write_answer, write_offer
from peer.transport.sdp_leg import SdpTerms
from peer.transport.udp_socket import OverlaySocket
from shared.errors import WrongIdentity
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import DtlsIdentity, Fingerprint
from tests.peer.decoding_leg import DecodingSdpLeg
from tests.peer.own_namespace import in_own_namespace, ip

OURS, THEIRS = IPv4Address("10.83.0.7"), IPv4Address("10.83.0.1")

CHANNEL = 123

PATIENCE = 40.0
"Seconds after which a missing event counts as a failure. The machine may be busy."

VP8 = frozenset({VideoCodec.VP8})


class Other:
    """Another program: an RTCPeerConnection of aiortc that sends sound and picture and reads what arrives."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: dict[str, asyncio.Event] = {"audio": asyncio.Event(), "video": asyncio.Event()}
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.channel = self.connection.createDataChannel("channel", negotiated=True, id=CHANNEL)
        self.channel.on("message", self.heard.put_nowait)
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._read(track))))
        for track in (AudioStreamTrack(), VideoStreamTrack()):
            self.connection.addTrack(track)

    async def _read(self, track) -> None:  # type: ignore[no-untyped-def]
        for _ in range(5):
            await track.recv()
        self.frames[track.kind].set()
        while True:
            await track.recv()

    def restrict(self, mime: str) -> None:
        """Allow only this codec for the picture."""
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        codecs = [codec for codec in known.codecs if codec.mimeType == mime]
        for transceiver in self.connection.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences(codecs)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answer(self, offer: str, video: frozenset[VideoCodec] = VP8) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.connection.close()


@dataclass
class Side:
    """Our side before it knows the other side's description."""

    socket: OverlaySocket
    own: OwnSide
    identity: DtlsIdentity

    @classmethod
    async def open(cls, kind: type[OverlaySocket] = OverlaySocket) -> Side:
        identity = DtlsIdentity.generate()
        socket = await kind.open(OURS, THEIRS, interface=None)
        ice = IceCredentials.of(bytes(range(24)))
        return cls(socket, OwnSide(ice, Fingerprint(identity.fingerprint), OURS, socket.port), identity)

    def answer(self, offer: str, video: frozenset[VideoCodec] = VP8) -> tuple[str, DecodingSdpLeg]:
        description = read_description(offer)
        agreement = accept_offer(description, Media.BOTH, video)
        ports = ports_at(description.candidates, THEIRS)
        leg = DecodingSdpLeg(self.socket, SdpTerms(self.own, self.identity, agreement, ports, (CHANNEL,)))
        return write_answer(self.own, description, agreement), leg

    def take(self, answer: str, offered: OwnOffer) -> DecodingSdpLeg:
        description = read_description(answer)
        agreement = accept_answer(description, offered.asked, offered.channel)
        ports = ports_at(description.candidates, THEIRS)
        return DecodingSdpLeg(self.socket, SdpTerms(self.own, self.identity, agreement, ports, (CHANNEL,)))


@contextlib.asynccontextmanager
async def both_sides(kind: type[OverlaySocket] = OverlaySocket) -> AsyncIterator[tuple[Side, Other]]:
    ip("link add overlay0 type veth peer name far0")
    for device in ("far0", "overlay0"):
        ip(f"link set {device} up")
    for address in (OURS, THEIRS):
        ip(f"addr add {address}/24 dev overlay0")
    side, other = await Side.open(kind), Other()
    try:
        yield side, other
    finally:
        await other.close()
        side.socket.close()
        await asyncio.sleep(0)


async def talk(leg: DecodingSdpLeg, other: Other) -> None:
    """Connect, and wait until sound, picture and text pass both ways."""
    async with asyncio.timeout(PATIENCE):
        heard: asyncio.Queue[tuple[int, str | bytes]] = asyncio.Queue()
        leg.messages.listen(lambda number, message: heard.put_nowait((number, message)))
        tracks = {kind: await leg.receive(kind) for kind in ("audio", "video")}
        await leg.connect()
        endpoint = Pattern(160, 120, 10)
        async with asyncio.TaskGroup() as tasks:
            await endpoint.attach(leg, Media.BOTH, tasks)
            for event in other.frames.values():
                await event.wait()
            for track in tracks.values():
                for _ in range(5):
                    await track.recv()
            await leg.channels_open.wait()
            assert leg.write(CHANNEL, "from us")
            other.channel.send("from them")
            assert await other.heard.get() == "from us"
            assert await heard.get() == (CHANNEL, "from them")
            await endpoint.detach()
    assert leg.counters.audio.packets
    assert leg.counters.video.packets
    assert leg.remote_address is not None
    assert leg.remote_address[0] == str(THEIRS)


async def answered(side: Side, other: Other, video: frozenset[VideoCodec] = VP8) -> DecodingSdpLeg:
    """Let the other side call, and give it our answer."""
    answer, leg = side.answer(await other.offer(), video)
    await other.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return leg


async def taken(
    side: Side, other: Other, video: frozenset[VideoCodec] = VP8, *, setup: str = "actpass"
) -> DecodingSdpLeg:
    """Call, and read the other side's answer. `setup` says in our offer which side begins the handshake."""
    offered = write_offer(side.own, Media.BOTH, video)
    sdp = offered.sdp.replace("setup:actpass", f"setup:{setup}")
    return side.take(await other.answer(sdp), offered)


def both_talk(
    begin: Callable[[Side, Other], Awaitable[DecodingSdpLeg]], *, only: str = "", video: VideoCodec = VideoCodec.VP8
) -> None:
    """Check that sound, picture and text pass both ways, with the picture in `video`.

    `only`: the one codec of the other.
    """

    async def scene() -> None:
        async with both_sides() as (side, other):
            if only:
                other.restrict(only)
            leg = await begin(side, other)
            try:
                assert leg.variant.video is video
                await talk(leg, other)
            finally:
                await leg.close()

    in_own_namespace(scene)


def test_an_offer_of_another_program_is_answered_and_media_and_text_flow() -> None:
    both_talk(answered)


@pytest.mark.parametrize("setup", ["actpass", "active"], ids=["they may begin", "we begin"])
def test_another_program_answers_our_offer_and_media_and_text_flow(setup: str) -> None:
    # aiortc begins the handshake unless the offerer wants to.
    both_talk(functools.partial(taken, setup=setup))


ANY = frozenset(VideoCodec)


def test_where_nothing_but_h264_is_offered_the_picture_is_h264() -> None:
    both_talk(functools.partial(answered, video=ANY), only="video/H264", video=VideoCodec.H264)


def test_a_program_that_knows_h264_alone_answers_our_offer() -> None:
    both_talk(functools.partial(taken, video=ANY), only="video/H264", video=VideoCodec.H264)


def test_channels_that_we_do_not_know_do_no_harm() -> None:
    async def with_another_channel(side: Side, other: Other) -> DecodingSdpLeg:
        other.connection.createDataChannel("another one")
        return await answered(side, other)

    both_talk(with_another_channel)


def test_another_certificate_than_the_descriptions_is_refused() -> None:
    async def scene() -> None:
        async with both_sides() as (side, other):
            description = read_description(await other.offer())
            agreement = accept_offer(description, Media.BOTH, VP8)
            forged = replace(agreement, fingerprint=Fingerprint(bytes(32)))
            ports = ports_at(description.candidates, THEIRS)
            leg = DecodingSdpLeg(side.socket, SdpTerms(side.own, side.identity, forged, ports))
            answer = write_answer(side.own, description, agreement)
            await other.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            try:
                with pytest.raises(WrongIdentity):
                    async with asyncio.timeout(PATIENCE):
                        await leg.connect()
            finally:
                await leg.close()

    in_own_namespace(scene)
