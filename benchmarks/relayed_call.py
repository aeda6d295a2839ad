"""What a call through the handset costs the node in the middle, and how much later a packet arrives for it."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import struct
import time
from asyncio.subprocess import Process
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.middle import asked, middle
from benchmarks.processes import processor_seconds
from benchmarks.relayed_legs import FAR, MIDDLE, NEAR, OWN, handshake, together, tracks
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.secrets.handshake import Role

NAME = "relayed-call"
ROUNDS = 3
SECONDS = 4.0
"How long each call is watched."

GOAL = 10.0
"Per cent of a core; the experiment before the program had 4.5, and decoding and encoding 40 to 80."

PROBE_SECONDS = 0.02
PROBE = struct.Struct("!BBHLLd")
"An RTP packet of sound that carries the time at which it was sent."

PROBE_SSRC = 4711

How = Literal["relay", "transcode"]


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> Figure:
    """640x480 at 30 frames a second and a tone, both ways, through one node."""
    return asyncio.run(_measure(rounds, seconds))


async def _measure(rounds: int, seconds: float) -> Figure:
    async with middle() as node:
        relayed, transcoded = await interleaved_tasks(
            rounds, lambda: _call(node, "relay", seconds), lambda: _call(node, "transcode", seconds)
        )
    share = Samples.of(each.share for each in relayed)
    again = Samples.of(each.share for each in transcoded)
    return Figure(
        NAME,
        "A 640x480 call between the overlay and the handset page",
        (
            Row("processor, relayed", share, "decoded and encoded again by aiortc", again, "%", goal=GOAL),
            Row(
                "a packet on its way, one relay",
                Samples.of(each.delay for each in relayed),
                "the same leg without a relay",
                Samples.of(each.direct for each in relayed),
                "ms",
            ),
        ),
    )


@dataclass
class Measured:
    """One call."""

    share: float
    "Per cent of one core that the node in the middle used."

    delay: float
    "Milliseconds from the far to the near end through the relay; 0 if it wasn't relayed."

    direct: float
    "The same over one leg, in the same process and at the same time."


@dataclass
class Probes:
    """Packets that tell when they were sent."""

    delays: list[float] = field(default_factory=list)

    async def arrived(self, packet: bytes) -> None:
        now = time.monotonic()
        if len(packet) == PROBE.size and PROBE.unpack(packet)[4] == PROBE_SSRC:
            self.delays.append((now - PROBE.unpack(packet)[5]) * 1000)

    @property
    def median(self) -> float:
        return statistics.median(self.delays)


async def _call(node: Process, how: How, seconds: float) -> Measured:
    async with AsyncExitStack() as stack:
        far, near = await _ends(node, how, stack)
        direct, end = await _direct(stack)
        flowing = [asyncio.Event() for _ in range(2)]
        for leg, event in zip((far, near), flowing, strict=True):
            leg.tap(_setting(event))
            for track in tracks():
                await leg.send(track)
        async with asyncio.timeout(20):
            for event in flowing:
                await event.wait()
        # What a leg costs while it begins isn't what a call costs.
        await asyncio.sleep(1)
        relayed, straight = Probes(), Probes()
        near.tap(relayed.arrived)
        end.tap(straight.arrived)
        before, began = processor_seconds(node.pid), time.monotonic()
        number = 0
        while time.monotonic() - began < seconds:
            number += 1
            for leg in (far, direct):
                await leg.send_rtp(PROBE.pack(0x80, 111, number & 0xFFFF, number, PROBE_SSRC, time.monotonic()))
            await asyncio.sleep(PROBE_SECONDS)
        share = (processor_seconds(node.pid) - before) / (time.monotonic() - began) * 100
    return Measured(share, relayed.median if how == "relay" else 0.0, straight.median)


async def _ends(node: Process, how: How, stack: AsyncExitStack) -> tuple[Leg, Leg]:
    """The far and the near end of a call through the node, connected."""
    secret = secrets.token_bytes(32)
    far_socket = await OverlaySocket.open(FAR, MIDDLE, interface="lo")
    near_socket = await OverlaySocket.open(NEAR, OWN, interface="lo")
    stack.callback(far_socket.close)
    stack.callback(near_socket.close)
    port = (await asked(node, do="begin", how=how, secret=secret.hex(), port=far_socket.port))["port"]
    stack.push_async_callback(asked, node, do="end")
    far = Leg(far_socket, handshake(Role.CALLER, secret), remote_port=None)
    near = Leg(near_socket, handshake(Role.CALLEE, secret), remote_port=port)
    stack.push_async_callback(far.close)
    stack.push_async_callback(near.close)
    await together(far, near)
    return far, near


async def _direct(stack: AsyncExitStack) -> tuple[Leg, Leg]:
    """Two legs that are connected with each other, without anybody between them."""
    secret = secrets.token_bytes(32)
    first_socket = await OverlaySocket.open(FAR, NEAR, interface="lo")
    second_socket = await OverlaySocket.open(NEAR, FAR, interface="lo")
    stack.callback(first_socket.close)
    stack.callback(second_socket.close)
    first = Leg(first_socket, handshake(Role.CALLER, secret), remote_port=None)
    second = Leg(second_socket, handshake(Role.CALLEE, secret), remote_port=first_socket.port)
    stack.push_async_callback(first.close)
    stack.push_async_callback(second.close)
    await together(first, second)
    return first, second


def _setting(event: asyncio.Event) -> Any:
    async def sink(packet: bytes) -> None:
        if packet[1] & 0x7F == 96:
            event.set()

    return sink
