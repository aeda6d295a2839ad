"""Calls with programs that speak SDP: how long our links for the original are, and how soon media flows."""

from __future__ import annotations

import asyncio
import secrets
import time
from ipaddress import IPv4Address

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.peer_connection import LOOPBACK, Side, on_loopback, peer_connection_call, undecoded
from benchmarks.request_length import (
    NODE_LOCAL,
    PORT,
    original_request_of_aiortc,
    original_request_of_firefox,
)
from benchmarks.timing import CallTimes, SideTimes
from peer.calls.programs.classic import Classic
from peer.media.endpoints.pattern import Pattern
from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import ports_at
from peer.transport.sdp.negotiation import accept_answer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.writing import OwnSide, write_offer
from peer.transport.sdp_leg import SdpLeg, SdpTerms
from peer.transport.udp_socket import OverlaySocket
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import DtlsIdentity, Fingerprint

NAME = "other-programs"
ROUNDS = 15

VP8 = frozenset({VideoCodec.VP8})
ADDRESS = IPv4Address(LOOPBACK)


def measure(rounds: int = ROUNDS) -> Figure:
    """Both in one process, in turns."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    async def aiortcs() -> int:
        return len(await original_request_of_aiortc())

    async def firefoxes() -> int:
        return len(original_request_of_firefox())

    async def ours() -> int:
        return len(our_request())

    with on_loopback(), undecoded():
        our_lengths, by_aiortc, by_firefox = await interleaved_tasks(rounds, ours, aiortcs, firefoxes)
        our_calls, their_calls = await interleaved_tasks(rounds, call_answered_by_aiortc, peer_connection_call)
    lengths = Samples.of(our_lengths)
    return Figure(
        NAME,
        "Calls with other programs: a request link, and from the answer to media",
        (
            Row("characters of our request link", lengths, "original, aiortc's offer", Samples.of(by_aiortc)),
            Row("characters of our request link", lengths, "original, Firefox's offer", Samples.of(by_firefox)),
            Row("answer read → connected", _milliseconds(our_calls, media=False), "RTCPeerConnection at both ends",
                _milliseconds(their_calls, media=False), "ms"),
            Row("answer read → media", _milliseconds(our_calls, media=True), "RTCPeerConnection at both ends",
                _milliseconds(their_calls, media=True), "ms"),
        ),
    )  # fmt: skip


def _milliseconds(calls: list[CallTimes], *, media: bool) -> Samples:
    return Samples.of(((each.first_media if media else each.connected) - each.last_read) * 1000 for each in calls)


def our_request() -> str:
    """What comes after the `?` of our request link to the original."""
    own = own_side(DtlsIdentity.generate(), IPv4Address(NODE_LOCAL), PORT, trickled=True)
    nodes = NodeId(secrets.token_bytes(32)), NodeId(secrets.token_bytes(32))
    link = Classic("https://a/", *nodes).offer(own, write_offer(own, Media.BOTH, VP8))
    return link.partition("?")[2]


def own_side(identity: DtlsIdentity, address: IPv4Address, port: int, *, trickled: bool = False) -> OwnSide:
    """Our side of a call, with credentials of its own."""
    ice = IceCredentials.of(secrets.token_bytes(24))
    return OwnSide(ice, Fingerprint(identity.fingerprint), address, port, trickled)


async def call_answered_by_aiortc() -> CallTimes:
    """Our offer, answered by aiortc's RTCPeerConnection; passed by function call."""
    identity = DtlsIdentity.generate()
    socket = await OverlaySocket.open(ADDRESS, ADDRESS, interface=None)
    called, leg, endpoint = None, None, Pattern()
    try:
        own = own_side(identity, ADDRESS, socket.port)
        offered = write_offer(own, Media.BOTH, VP8)

        read = time.monotonic()
        called = Side()
        answer = await called.answer(offered.sdp)

        last_read = time.monotonic()
        description = read_description(answer)
        agreement = accept_answer(description, offered.asked, offered.channel)
        ports = ports_at(description.candidates, ADDRESS)
        leg = SdpLeg(socket, SdpTerms(own, identity, agreement, ports, (0,)))
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        leg.first_media.listen(lambda kind: None if arrived.done() else arrived.set_result(time.monotonic()))
        await leg.connect()
        connected = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            await endpoint.attach(leg, Media.BOTH, tasks)
            times = CallTimes.of(read, last_read, SideTimes(connected, await arrived), await called.times())
            await endpoint.detach()
        return times
    finally:
        if leg is not None:
            await leg.close()
        socket.close()
        if called is not None:
            await called.close()
