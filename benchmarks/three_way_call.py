"""What a conversation of three costs each program, beside a call of two: each relays its own page to both others."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples
from benchmarks.processes import processor_seconds
from bot.home import Home
from tests.bot.console import Person, befriend, people
from tests.browser.chromium import Chromiums, chromiums, until_seen
from tests.browser.people import AT_THE_PAGE, Somebody, both_ways, connect, somebody

NAME = "three-way-call"
ROUNDS = 3
SECONDS = 8.0
"How long each call is watched."

SETTLE_SECONDS = 4.0
"Until a browser sends as much as the path carries."


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one program, the mean of those in the call."""

    share: float
    "Per cent of a core."

    packets: float
    "With the other people's programs, both ways, a second."


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> Figure:
    """640x480 from each of three browsers, or of two of them."""
    return asyncio.run(_measure(rounds, seconds))


async def _measure(rounds: int, seconds: float) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as name:
        async with (
            chromiums(windowless=True) as shared,
            people(Path(name), "anna", "bob", "carol", config=AT_THE_PAGE) as (anna, bob, carol),
        ):
            Chromiums.shared = shared
            try:
                await befriend(anna, bob)
                await befriend(carol, bob)
                # The call of two becomes the conversation of three, so a round is one of each.
                rounds_taken = [await _both((anna, bob, carol), seconds) for _ in range(rounds + (rounds > 1))]
            finally:
                Chromiums.shared = None
    two, three = zip(*rounds_taken[-rounds:], strict=True)
    return Figure(
        NAME,
        "A conversation of three at their pages, a program",
        (
            Row(
                "processor, of three",
                Samples.of(each.share for each in three),
                "of two",
                Samples.of(each.share for each in two),
                "%",
            ),
            Row(
                "packets with the others a second, of three",
                Samples.of(each.packets for each in three),
                "of two",
                Samples.of(each.packets for each in two),
            ),
            Row(
                "processor for a thousand packets, of three",
                Samples.of(10_000 * each.share / each.packets for each in three),
                "of two",
                Samples.of(10_000 * each.share / each.packets for each in two),
                "ms",
            ),
        ),
    )


async def _both(nodes: Sequence[Person], seconds: float) -> tuple[Cost, Cost]:
    async with _at_pages(nodes) as (anna, bob, carol):
        await connect(anna, bob)
        await both_ways(anna, bob)
        two = await _cost((anna.node, bob.node), seconds)
        await carol.page.place("bob")
        await bob.page.shows("is also calling (video)")
        await bob.page.press("Hold and answer")
        await carol.page.call("active")
        await bob.page.press("Merge calls")
        for person in (anna, carol):
            await person.page.press("Agree")
        for person in (anna, bob, carol):
            for element in ("#remote-video", "#people video"):
                await until_seen(person.page.page, f"document.querySelector('{element}')?.videoWidth > 0")
        three = await _cost([person.node for person in (anna, bob, carol)], seconds)
        for person in (anna, bob, carol):
            await person.node.calm()
    return two, three


@contextlib.asynccontextmanager
async def _at_pages(nodes: Sequence[Person]) -> AsyncIterator[list[Somebody]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(somebody(node)) for node in nodes]


async def _cost(nodes: Sequence[Person], seconds: float) -> Cost:
    await asyncio.sleep(SETTLE_SECONDS)
    before, packets, began = _used(nodes), await _packets(nodes), time.monotonic()
    await asyncio.sleep(seconds)
    lasted = time.monotonic() - began
    used, passed = _used(nodes) - before, await _packets(nodes) - packets
    return Cost(100 * used / lasted / len(nodes), passed / lasted / len(nodes))


def _used(nodes: Sequence[Person]) -> float:
    return sum(processor_seconds(int(Home(node.home).lock.read_text())) for node in nodes)


async def _packets(nodes: Sequence[Person]) -> int:
    counted = 0
    for node in nodes:
        for call in (await node.status())["calls"]:
            if call["state"] == "active":
                counted += call["audio_packets_received"] + call["video_packets_received"] + call["packets_sent"]
    return counted
