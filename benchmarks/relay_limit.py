"""What our relay costs beside a loop that does nothing but receive, decrypt, encrypt and send."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.middle import middle
from benchmarks.relay_capacity import SLOWS_ITSELF, apart, why_not
from benchmarks.relay_load import Calls

__all__ = ["NAME", "SLOWS_ITSELF", "measure", "why_not"]

NAME = "relay-limit"
ROUNDS = 9
SECONDS = 2.0
"How long each load is watched."

FEW, MANY = 1, 12
"Calls at once."

GOAL = 1.4
"Times what the bare loop takes."


def measure(rounds: int = ROUNDS, seconds: float = SECONDS, many: int = MANY) -> Figure:
    """640x480 at 30 frames a second and a tone, both ways, in each call; one call and several, in turns."""
    return asyncio.run(_measure(rounds, seconds, many))


async def _measure(rounds: int, seconds: float, many: int) -> Figure:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(middle())
        stack.enter_context(apart(node.pid))
        ours, bare = Calls(node, stack, "relay"), Calls(node, stack, "bare")
        our_many, bare_many, our_one, bare_one = await interleaved_tasks(
            rounds,
            lambda: ours.carry(many, seconds),
            lambda: bare.carry(many, seconds),
            lambda: ours.carry(FEW, seconds),
            lambda: bare.carry(FEW, seconds),
        )
    loop = "a bare loop"
    rows = []
    for what, our_share, bare_share in ((f"{many} calls", our_many, bare_many), ("one call", our_one, bare_one)):
        ours_of, bare_of = (Samples.of(each.share for each in shares) for shares in (our_share, bare_share))
        rows.append(Row(f"processor, {what}", ours_of, loop, bare_of, "%", ratio_goal=GOAL))
        ours_of, bare_of = (Samples.of(each.delay for each in delays) for delays in (our_share, bare_share))
        rows.append(Row(f"99 of 100 packets on their way, {what}", ours_of, loop, bare_of, "ms"))
    return Figure(NAME, "A relayed call beside a bare loop", tuple(rows))
