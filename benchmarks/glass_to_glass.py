"""From one person's camera to the other's screen, between two handset pages: what the two relays add.

Real programs, real browsers, real calls. Each picture says when it was drawn; the page at the other end reads it where
it is shown. In the same pages the same tracks are sent over a connection of the browsers without anybody between.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from benchmarks.measuring import Figure, Row, Samples, TooBusy, interleaved_tasks
from tests.bot.console import Person, people
from tests.browser.chromium import FLAGS, Browser, PageView, require_chromium
from tests.browser.people import AT_THE_PAGE, Somebody, both_ways, connect

NAME = "glass-to-glass"
ROUNDS = 6

GOAL = 1000 / 60
"Milliseconds that two relays may add: one picture of a screen."

SECONDS = 4.0
"How long pictures are read in each turn."

SETTLE = 2.0
"Seconds before that, in which the browsers find their bitrate and the depth of their jitter buffers."

WINDOW: Any = {"width": 800, "height": 600}
"Small, because it is drawn without a graphics card."

WHOLE = "640x480"
FEWEST_A_SECOND = 20.0
"With less the machine or the bitrate doesn't do, and the browsers send small pictures, which are young."

MOST_UNREADABLE = 0.05
"Part of the pictures that may have a wrong block."

TRIES = 10
"Turns until both ends get whole pictures; the first ones after a start are small."

CODED_PICTURE, DIRECT_CONNECTION = (
    Path(__file__).with_name(name).read_text("utf-8") for name in ("coded_picture.js", "direct_connection.js")
)

DIRECT_FLAGS = ["--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection"]
"So that two browsers find each other on loopback without anybody's help."

How = Literal["relayed", "direct"]


@dataclass(frozen=True, slots=True)
class Ages:
    """How old pictures were when they were shown, in milliseconds, the mean of both directions.

    If the clocks of both browsers differ, one direction gains what the other one loses.
    """

    median: float
    late: float
    "95 of 100 were younger."


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """What coded_picture.js has read."""

    ages: list[float]
    unreadable: int
    sizes: list[str]

    def whole(self, seconds: float) -> bool:
        """Whether the pictures were what a camera gives, and could be read."""
        few, unreadable = FEWEST_A_SECOND * seconds, MOST_UNREADABLE * len(self.ages)
        return self.sizes == [WHOLE] and len(self.ages) >= few and self.unreadable <= unreadable

    def __repr__(self) -> str:
        return f"{len(self.ages)} pictures of {' and '.join(self.sizes)}, {self.unreadable} of them unreadable"


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if shutil.which("chromium") is None or find_spec("playwright") is None:
        return "needs chromium and playwright"
    return ""


def measure(rounds: int = ROUNDS, seconds: float = SECONDS, settle: float = SETTLE) -> Figure:
    """640x480 at 29 pictures a second and a tone, both ways; one call, one connection, in turns."""
    return asyncio.run(_measure(rounds, seconds, settle))


async def _measure(rounds: int, seconds: float, settle: float) -> Figure:
    async with _call() as pages:
        relayed, direct = await interleaved_tasks(
            rounds,
            lambda: _ages(pages, "relayed", seconds, settle),
            lambda: _ages(pages, "direct", seconds, settle),
        )
    against = "the two browsers connected directly"
    added = Samples.of(ours.median - theirs.median for ours, theirs in zip(relayed, direct, strict=True))
    median, bare = Samples.of(each.median for each in relayed), Samples.of(each.median for each in direct)
    return Figure(
        NAME,
        "From camera to screen",
        (
            Row("a picture, through two relays, median", median, against, bare, "ms"),
            Row(
                "95 of 100 pictures, through two relays",
                Samples.of(each.late for each in relayed),
                against,
                Samples.of(each.late for each in direct),
                "ms",
            ),
            Row("what two relays add to the median", added, against, bare, "ms", GOAL),
        ),
    )


@asynccontextmanager
async def _call() -> AsyncIterator[list[PageView]]:
    """Both pages, in a call and directly connected."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="copybara-bench-"))
        nodes = await stack.enter_async_context(people(Path(folder), "anna", "bob", config=AT_THE_PAGE))
        anna, bob = [await stack.enter_async_context(_at_the_page(node)) for node in nodes]
        await connect(anna, bob)
        await both_ways(anna, bob)
        pages = [anna.page, bob.page]
        for page in pages:
            await page.page.evaluate(DIRECT_CONNECTION)
        offer = await pages[0].page.evaluate("direct.offer()")
        answer = await pages[1].page.evaluate("offer => direct.answer(offer)", offer)
        await pages[0].page.evaluate("answer => direct.accept(answer)", answer)
        async with asyncio.timeout(20):
            await asyncio.gather(*(page.page.evaluate("direct.connected()") for page in pages))
        yield pages


@asynccontextmanager
async def _at_the_page(node: Person) -> AsyncIterator[Somebody]:
    """Somebody whose camera says when its pictures are drawn."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=require_chromium(), args=[*FLAGS, *DIRECT_FLAGS])
        try:
            context = await chromium.new_context(viewport=WINDOW)
            await context.add_init_script(CODED_PICTURE)
            person = Somebody(node, Browser(context), PageView(None))
            await person.open()
            yield person
        finally:
            await chromium.close()


async def _ages(pages: list[PageView], how: How, seconds: float, settle: float) -> Ages:
    await asyncio.gather(*(page.page.evaluate("how => direct.through(how)", how) for page in pages))
    for _ in range(TRIES):
        await asyncio.sleep(settle)
        seen = [Seen(**each) for each in await asyncio.gather(*(_watched(page, seconds) for page in pages))]
        if all(each.whole(seconds) for each in seen):
            break
    else:
        raise TooBusy(f"This machine is too busy for two browsers in a call: {seen}")
    return Ages(
        median=statistics.mean(statistics.median(each.ages) for each in seen),
        late=statistics.mean(statistics.quantiles(each.ages, n=20)[-1] for each in seen),
    )


async def _watched(page: PageView, seconds: float) -> Any:
    return await page.page.evaluate("duration => coded.watch(direct.shown(), duration)", seconds * 1000)
