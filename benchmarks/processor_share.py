"""What a call of pictures and sound costs each side, as a share of one core."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.processes import processor_seconds
from benchmarks.two_processes import OurPair, TheirPair

NAME = "processor-share"
ROUNDS = 3
SECONDS = 2.5
"How long each call is watched."


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> Figure:
    """640x480 at 15 frames a second and a tone, both ways, between two processes."""
    return asyncio.run(_measure(rounds, seconds))


async def _measure(rounds: int, seconds: float) -> Figure:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(OurPair.running())
        equal = await stack.enter_async_context(TheirPair.running())
        decoding = await stack.enter_async_context(TheirPair.running("--decode"))
        our_share, equal_share, decoding_share = (
            Samples.of(shares)
            for shares in await interleaved_tasks(
                rounds,
                lambda: _share(ours, seconds),
                lambda: _share(equal, seconds),
                lambda: _share(decoding, seconds),
            )
        )
    what = "a pattern call, per side"
    return Figure(
        NAME,
        "Processor time of a 640x480 call",
        (
            Row(what, our_share, "RTCPeerConnection, nothing decoded", equal_share, "%"),
            Row(what, our_share, "RTCPeerConnection as it is", decoding_share, "%"),
        ),
    )


async def _share(pair: OurPair | TheirPair, seconds: float) -> float:
    """Per cent of one core that one side has used, the mean of both."""
    await pair.call()
    try:
        before, start = _used(pair), time.monotonic()
        await asyncio.sleep(seconds)
        after, end = _used(pair), time.monotonic()
    finally:
        await pair.hang_up()
    return (after - before) / len(pair.process_ids) / (end - start) * 100


def _used(pair: OurPair | TheirPair) -> float:
    return sum(processor_seconds(process_id) for process_id in pair.process_ids)
