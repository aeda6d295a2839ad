"""How many calls at once one core carries through the node in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from benchmarks.measuring import Figure, Row, Samples, TooBusy
from benchmarks.middle import middle
from benchmarks.relay_load import Calls, Carried
from benchmarks.slow import MACHINE

NAME = "relay-capacity"
SLOWS_ITSELF = True
"The node alone is slow on a slow machine, not the ends."

ROUNDS = 3
SECONDS = 2.0
"How long each number of calls is watched."

MOST_SECONDS = 75.0
"After which no other number of calls is tried, all rounds together."

FEW = 10
"Calls from whose share of a core the first guess is made."

PRECISION = 2
"Calls between the most that were carried and the fewest that weren't."

TRIES = 2
"How often a number of calls may be tried: whatever else the machine does can only make it worse."

MAX_DELAY = 20.0
"Milliseconds for 99 of 100 packets: the length of one packet of sound."

MAX_LOST = 0.1
MAX_SHARE = 90.0
"Per cent."

MAX_BEHIND = 10.0
"Milliseconds by which the ends may be late themselves. Above, the load wasn't what it should have been."


@dataclass(frozen=True, slots=True)
class Most:
    """The most calls that were carried."""

    calls: int
    carried: Carried


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    return "" if len(os.sched_getaffinity(0)) > 1 else "needs two cores: one for the node, one for the load"


def measure(rounds: int = ROUNDS, seconds: float = SECONDS, most_seconds: float = MOST_SECONDS) -> Figure:
    """640x480 at 30 frames a second and a tone, both ways, in each call; one call alone before each round."""
    return asyncio.run(_measure(rounds, seconds, most_seconds))


async def _measure(rounds: int, seconds: float, most_seconds: float) -> Figure:
    alone: list[Carried] = []
    most: list[Most] = []
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(middle())
        stack.enter_context(apart(node.pid))
        calls = Calls(node, stack)
        first = _room(FEW, await calls.carry(FEW, seconds))
        end = time.monotonic() + most_seconds
        for left in range(rounds, 0, -1):
            alone.append(await calls.carry(1, seconds))
            now = time.monotonic()
            most.append(await most_calls(calls, first, seconds, now + (end - now) / left))
            first = most[-1].calls
    return Figure(
        NAME,
        "Calls at once between the overlay and the handset page",
        (
            Row(
                "calls at once that one core carries",
                Samples.of(each.calls for each in most),
                "as many as the share of one call would allow",
                Samples.of(MAX_SHARE * MACHINE.share / each.share for each in alone),
            ),
            Row(
                "processor, with that many",
                Samples.of(each.carried.share for each in most),
                "one call alone",
                Samples.of(each.share for each in alone),
                "%",
            ),
            Row(
                "99 of 100 packets on their way, with that many",
                Samples.of(each.carried.delay for each in most),
                "one call alone",
                Samples.of(each.delay for each in alone),
                "ms",
            ),
        ),
    )


class Load(Protocol):
    """What makes calls through a node."""

    async def carry(self, calls: int, seconds: float) -> Carried:
        """So many at once for a while."""


async def most_calls(load: Load, first: int, seconds: float, until: float) -> Most:
    """Go up from `first` by what the core has room for, and halve between what was carried and what wasn't.

    After `until` on the monotonic clock the most so far is returned. Raises RuntimeError if not even one is carried.
    """
    most: Most | None = None
    fewest: int | None = None
    number = first
    while most is None or ((fewest is None or fewest - most.calls > PRECISION) and time.monotonic() < until):
        carried = await _tried(load, number, seconds)
        if _held(carried):
            most = Most(number, carried)
        else:
            fewest = number
        if fewest is None:
            number = max(number + 1, _room(number, carried))
        elif fewest == 1:
            raise TooBusy(f"Not even one call was carried: {carried}")
        else:
            number = ((most.calls if most is not None else 0) + fewest) // 2
    return most


async def _tried(load: Load, number: int, seconds: float) -> Carried:
    """The first time that they are carried, or the last that they aren't."""
    for _ in range(TRIES):
        carried = await load.carry(number, seconds)
        if _held(carried):
            break
    return carried


def _held(carried: Carried) -> bool:
    return (
        carried.share <= MAX_SHARE * MACHINE.share
        and carried.delay <= MAX_DELAY
        and carried.lost <= MAX_LOST
        and carried.behind <= MAX_BEHIND
    )


def _room(calls: int, carried: Carried) -> int:
    """How many calls there would be room for if each took as much as each of these."""
    return max(1, int(calls * MAX_SHARE * MACHINE.share / carried.share))


@contextlib.contextmanager
def apart(node: int) -> Iterator[None]:
    """The node has one core, the load another; where that is allowed, both go before everything else of the machine.

    sched(7): SCHED_RR. What the machine does besides would decide how many calls are carried.
    """
    cores = os.sched_getaffinity(0)
    its_own = max(cores)
    os.sched_setaffinity(node, {its_own})
    os.sched_setaffinity(0, cores - {its_own})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        # With the threads that it starts from now on.
        os.sched_setscheduler(node, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, cores)
