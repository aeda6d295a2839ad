"""People at a browser: their running `copybara`, the chat between them, and a page for each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bot.console import Person, befriend, people
from tests.browser.chromium import PATIENCE, Browser, PageView, browser

DEMO = (sys.executable, "-m", "bot.cli", "demo", "--handset", "--no-open", "--json")

AT_THE_PAGE = '[answer]\nendpoint = "handset"\n[handset]\nport = 0\n'


@dataclass
class Somebody:
    """One of two people: the program, the browser, and the page that was opened last."""

    node: Person
    browser: Browser
    page: PageView

    async def open(self, *scripts: str) -> PageView:
        """Open the handset page. `scripts` run before its own."""
        assert self.node.handset is not None
        self.page = await self.browser.open(self.node.handset, *scripts)
        await self.page.heard("hello")
        return self.page


@contextlib.asynccontextmanager
async def somebody(
    node: Person,
    *,
    open_page: bool = True,
    on: Callable[..., list[str]] | None = None,
    camera: Path | None = None,
    speaker: Mapping[str, str] | None = None,
    allowed: Sequence[str] = ("camera", "microphone"),
) -> AsyncIterator[Somebody]:
    """A browser for a running program, `on` its host. An error in its pages fails the test."""
    async with browser(node.home, on, camera, speaker, allowed) as chromium:
        person = Somebody(node, chromium, PageView(None))
        if open_page:
            await person.open()
        yield person
        assert not chromium.problems, chromium.problems


@contextlib.asynccontextmanager
async def two_people(
    folder: Path,
    homes: Path | None = None,
    *,
    cameras: tuple[Path | None, Path | None] = (None, None),
    allowed: Sequence[str] = ("camera", "microphone"),
) -> AsyncIterator[tuple[Somebody, Somebody]]:
    """Anna and Bob, each at their page. With `homes`, they are contacts."""
    async with (
        people(folder, "anna", "bob", homes=homes, config=AT_THE_PAGE) as (anna, bob),
        somebody(anna, camera=cameras[0], allowed=allowed) as first,
        somebody(bob, camera=cameras[1], allowed=allowed) as second,
    ):
        yield first, second


@contextlib.asynccontextmanager
async def a_call_on_hold_for_another(folder: Path) -> AsyncIterator[tuple[Somebody, Somebody, Person]]:
    """Anna and Bob at their pages. Bob talks to Carol, who has no page, and Anna is on hold."""
    configs = {"anna": AT_THE_PAGE, "bob": AT_THE_PAGE}
    async with people(folder, "anna", "bob", "carol", configs=configs) as (anna_node, bob_node, carol):
        await befriend(carol, bob_node)
        async with somebody(anna_node) as anna, somebody(bob_node) as bob:
            await connect(anna, bob)
            await both_ways(anna, bob)
            carol.write("/call bob")
            await bob.page.shows("is also calling (video)")
            await bob.page.press("Hold and answer")
            await carol.call("active")
            await anna.page.shows("You are on hold")
            yield anna, bob, carol


@contextlib.asynccontextmanager
async def running_demo() -> AsyncIterator[str]:
    """`copybara demo --handset`, during the block. Yields the address of its page."""
    process = await asyncio.create_subprocess_exec(
        *DEMO, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            ready: dict[str, Any] = json.loads(await process.stdout.readline())
        assert ready["contacts"] == ["echo", "pattern"]
        yield ready["handset"]
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def connect(caller: Somebody, callee: Somebody, media: str = "video") -> tuple[dict[str, Any], dict[str, Any]]:
    """Place and answer a call at the pages, until it is active. Returns the call as each page sees it."""
    await caller.page.place(callee.node.node, media)
    await callee.page.call("ringing")
    await callee.page.answer(media)
    return await caller.page.call("active"), await callee.page.call("active")


async def both_ways(first: Somebody, second: Somebody, *kinds: str) -> float:
    """Wait until sound and pictures are decoded on both sides. Returns the seconds that it took."""
    began = time.monotonic()
    await asyncio.gather(*(person.page.receives(*(kinds or ("audio", "video"))) for person in (first, second)))
    return time.monotonic() - began
