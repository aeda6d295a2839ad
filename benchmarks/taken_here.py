"""*Take it here*: for how long the other side gets no sound while a call moves from one page to another."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from tests.bot.console import Chat
from tests.browser.authority_trusted import trust_authority_of
from tests.browser.chromium import PageView, browser
from tests.browser.people import somebody
from tests.network.calls import Caller, settings
from tests.network.namespaces import hosts_around_r
from tests.network.sound_pauses import SoundPauses, sound_pauses
from tests.network.yggdrasil import yggdrasil_network

NAME = "take-it-here"
ROUNDS = 9
GOAL = 500
"Milliseconds."

SETTLES_SECONDS = 2.0
"After the page that takes the call has sound and picture."

CALM_SECONDS = 4.0
"About as long as a move with what is waited for afterwards."


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    programs = ("ip", "setpriv", "ping", "yggdrasil", "chromium", "certutil")
    missing = [program for program in programs if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else ""


def measure(rounds: int = ROUNDS) -> Figure:
    """Between the computer at home and the phone, to and fro, in one call with a friend over Yggdrasil."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as name:
        async with call_at_two_pages(Path(name)) as call:
            moving, calm = await interleaved_tasks(rounds, call.moved_ms, call.calm_ms)
    row = Row("the call moves", Samples.of(moving), "the same call meanwhile", Samples.of(calm), "ms", GOAL)
    return Figure(NAME, "The longest time without a packet of sound at the other side", (row,))


@dataclass(frozen=True)
class CallAtTwoPages:
    """A call that either page can take."""

    takers: Iterator[PageView]
    "The page that hasn't got the call, again and again."

    heard: SoundPauses
    "By the friend."

    async def moved_ms(self) -> float:
        """The longest pause from the click on."""
        page, began = next(self.takers), time.time()
        await page.press("Take it here")
        await page.receives("audio", "video")
        await asyncio.sleep(SETTLES_SECONDS)
        return 1000 * self.heard.longest(began, time.time())

    async def calm_ms(self) -> float:
        """The longest pause in a while in which nothing moves."""
        began = time.time()
        await asyncio.sleep(CALM_SECONDS)
        return 1000 * self.heard.longest(began, time.time())


@asynccontextmanager
async def call_at_two_pages(folder: Path) -> AsyncIterator[CallAtTwoPages]:
    """Home on A with a page, the phone on B with another one, the friend on C."""
    (folder / "network").mkdir()
    async with hosts_around_r("c") as hosts, yggdrasil_network(hosts, folder / "network") as network:
        (at_friend,) = network.others
        chat = Chat()
        config = (
            f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{network.a.admin}"\n[answer]\nendpoint = "handset"\n'
        )
        anna = Caller("anna", folder, chat, network.a, config)
        friend = Caller("friend", folder, chat, at_friend, settings(at_friend))
        await asyncio.gather(anna.begin(), friend.begin())
        try:
            said = await anna.asked(f"/devices add phone {network.b.address}", kind="device.pairing")
            address = next(word for word in said.split() if word.startswith("https://"))
            await trust_authority_of(anna, folder / "phone")

            def on(*command: str) -> list[str]:
                return network.b.host.command("env", f"HOME={folder / 'phone'}", *command)

            async with (
                browser(folder / "phone", on, server=str(network.a.address)) as chromium,
                somebody(anna, on=network.a.host.command) as home,
            ):
                phone = await chromium.open(address)
                code = (await phone.heard("pairing-code"))["code"]
                await anna.asked(f"/devices confirm {code}", kind="device.added")
                friend.write(f"/call {anna.node}")
                await phone.call("ringing")
                await phone.answer()
                await phone.receives("audio", "video")
                with sound_pauses(at_friend.host, at_friend.device) as heard:
                    yield CallAtTwoPages(itertools.cycle((home.page, phone)), heard)
        finally:
            for person in (anna, friend):
                person.process.terminate()
                await person.gone()
