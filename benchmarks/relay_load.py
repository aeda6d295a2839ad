"""Many calls through one node in the middle: both ends of each, and how long every packet of theirs is on its way."""

from __future__ import annotations

import asyncio
import random
import secrets
import statistics
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal

from benchmarks.bare_loop import KEY_BYTES, Sessions
from benchmarks.middle import asked
from benchmarks.processes import processor_seconds
from benchmarks.recorded_rtp import Reports, RtpStream
from benchmarks.relayed_legs import FAR, MIDDLE, NEAR, OWN, handshake, together
from benchmarks.timed_socket import TimedSocket
from bot.process.uncollected import uncollected
from peer.transport.leg import Leg
from peer.transport.profile import MEDIA
from peer.transport.rtp_statistics import RTP_HEADER
from shared.secrets.handshake import Role

WARM_UP = 0.5
"Seconds of a load before it counts."

ON_THEIR_WAY = 0.3
"Seconds after the last packet in which packets still count as arrived."

SPREAD = 0.1
"Seconds within which the ends begin: they don't send their pictures at the same moment."

How = Literal["relay", "bare"]

AT_ONCE = 32
"Packets that are sent before those that have arrived have a turn."


@dataclass(frozen=True, slots=True)
class Carried:
    """What some calls at once were for the node in the middle."""

    share: float
    "Per cent of one core that it used."

    delay: float
    "Milliseconds within which 99 of 100 packets that arrived were through."

    lost: float
    "Per cent of the packets that didn't arrive."

    behind: float
    "Milliseconds by which 1 of 100 packets, or more, was sent later than it was due: the ends couldn't do more."


@dataclass(slots=True)
class Due:
    """One encrypted packet."""

    at: float
    "Seconds from the beginning of the load."

    stream: tuple[int, int] | None
    "SSRC and sequence number; None for RTCP."

    datagram: bytes
    address: tuple[str, int]
    sock: TimedSocket

    sent: float = 0.0
    "In seconds of the system's clock; 0 until it is sent."

    behind: float = 0.0
    "Seconds between when it was due and when it was sent."


class End:
    """One end of a call: a socket to the node in the middle, and what is sent on it."""

    def __init__(self, sock: TimedSocket, send: Callable[[bytes], Awaitable[None]]) -> None:
        """`send` encrypts a packet and sends it on the socket."""
        self.sock = sock
        self._send = send
        self._sources: tuple[RtpStream | Reports, ...] = (*(RtpStream(kind) for kind in MEDIA), Reports())

    async def packets(self, seconds: float) -> list[Due]:
        """What is sent in that many seconds, encrypted by the leg, in the order of each source."""
        begin = random.random() * SPREAD
        made = []
        with self.sock.keeping() as kept:
            for source in self._sources:
                offset = begin - source.due
                while (at := source.due + offset) < begin + seconds:
                    stream = (source.ssrc, source.sequence) if isinstance(source, RtpStream) else None
                    await self._send(source.next())
                    made.append(Due(at, stream, *kept.pop(), self.sock))
        return made


class Calls:
    """As many calls through a node as were ever needed at once; those that aren't needed are connected and silent."""

    def __init__(self, node: Process, stack: AsyncExitStack, how: How = "relay") -> None:
        """`stack` closes what is opened, the node's side too."""
        self._node = node
        self._how = how
        self._stack = stack
        self._calls: list[tuple[End, End]] = []
        stack.push_async_callback(asked, node, do="end")

    async def carry(self, calls: int, seconds: float) -> Carried:
        """Send both ways in so many calls for a while."""
        while len(self._calls) < calls:
            self._calls.append(await self._begin())
        ends = [end for call in self._calls[:calls] for end in call]
        due = sorted([each for end in ends for each in await end.packets(WARM_UP + seconds)], key=lambda each: each.at)
        arrivals: list[tuple[bytes, float]] = []
        for end in ends:
            end.sock.arrivals = arrivals
        counting = [each for each in due if each.stream is not None and each.at >= WARM_UP]
        with uncollected():  # a look through a hundred thousand packets would hold up the sending of others
            sending = asyncio.create_task(_send(due))
            await asyncio.sleep(WARM_UP)
            before, began = processor_seconds(self._node.pid), time.monotonic()
            await sending
            share = (processor_seconds(self._node.pid) - before) / (time.monotonic() - began) * 100
            await asyncio.sleep(ON_THEIR_WAY)
        for end in ends:
            end.sock.arrivals = None
        # The header isn't encrypted, and nobody on the way changes it (RFC 3711, section 3.1).
        arrived = {_stream(packet): at for packet, at in arrivals}
        delays = [arrived[each.stream] - each.sent for each in counting if each.stream in arrived]
        return Carried(
            share,
            delay=_of_a_hundred(99, delays) * 1000,
            lost=(1 - len(delays) / len(counting)) * 100,
            behind=_of_a_hundred(99, [each.behind for each in counting]) * 1000,
        )

    async def _begin(self) -> tuple[End, End]:
        far_socket, near_socket = await TimedSocket.listen(FAR, MIDDLE), await TimedSocket.listen(NEAR, OWN)
        self._stack.callback(far_socket.close)
        self._stack.callback(near_socket.close)
        if self._how == "bare":
            return await self._begin_bare(far_socket, near_socket)
        secret = secrets.token_bytes(32)
        answer = await asked(self._node, do="begin", how="relay", secret=secret.hex(), port=far_socket.port)
        far = Leg(far_socket, handshake(Role.CALLER, secret), remote_port=None)
        near = Leg(near_socket, handshake(Role.CALLEE, secret), remote_port=answer["port"])
        self._stack.push_async_callback(far.close)
        self._stack.push_async_callback(near.close)
        await together(far, near)
        return End(far_socket, far.send_rtp), End(near_socket, near.send_rtp)

    async def _begin_bare(self, far: TimedSocket, near: TimedSocket) -> tuple[End, End]:
        key = secrets.token_bytes(KEY_BYTES)
        answer = await asked(self._node, do="begin", how="bare", key=key.hex(), ports=[far.port, near.port])
        ports = zip((far, near), answer["ports"], strict=True)
        one, other = (End(sock, _encrypted(Sessions.of(key), sock, port)) for sock, port in ports)
        return one, other


def _encrypted(sessions: Sessions, sock: TimedSocket, port: int) -> Callable[[bytes], Awaitable[None]]:
    async def send(packet: bytes) -> None:
        sock.send(sessions.encrypt(packet), port)

    return send


async def _send(due: list[Due]) -> None:
    """Send everything when it is due, or as soon after as possible."""
    began = time.monotonic()
    for number, packet in enumerate(due):
        packet.behind = time.monotonic() - began - packet.at
        if packet.behind < 0 or number % AT_ONCE == 0:
            await asyncio.sleep(max(0.0, -packet.behind))
            packet.behind = time.monotonic() - began - packet.at
        packet.sent = time.time()
        packet.sock.sendto(packet.datagram, packet.address)


def _stream(packet: bytes) -> tuple[int, int]:
    _, _, sequence, _, ssrc = RTP_HEADER.unpack_from(packet)
    return ssrc, sequence


def _of_a_hundred(number: int, values: list[float]) -> float:
    """What so many of a hundred don't exceed; infinite without values."""
    return statistics.quantiles(values, n=100, method="inclusive")[number - 1] if len(values) > 1 else float("inf")
