"""One person at a browser, against the endpoints that need nobody: the demo with its two built-in contacts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from tests.browser.chromium import PATIENCE, PageView, browser

DEMO = (sys.executable, "-m", "bot.cli", "demo", "--handset", "--no-open", "--json")

PATTERN_HERTZ = 440.0

MIN_BITRATE = 350_000
"Bits a second that a browser's picture gets after a while, if somebody answers for how it arrives; else 30,000."


@contextlib.asynccontextmanager
async def demo() -> AsyncIterator[PageView]:
    """`copybara demo --handset`, and its page in a browser."""
    process = await asyncio.create_subprocess_exec(
        *DEMO, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            ready: dict[str, Any] = json.loads(await process.stdout.readline())
        assert ready["contacts"] == ["echo", "pattern"]
        async with browser() as chromium:
            page = await chromium.open(ready["handset"])
            hello = await page.heard("hello")
            assert [contact["name"] for contact in hello["contacts"]] == ["echo", "pattern"]
            yield page
            assert not chromium.problems, chromium.problems
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def call(page: PageView, whom: str) -> dict[str, Any]:
    """One click: call a contact until it is active."""
    await page.press(f"Video call to {whom}")
    return await page.call("active")


async def test_a_newcomer_sees_and_hears_the_pattern_with_one_click() -> None:
    async with demo() as page:
        await call(page, "pattern")
        await page.receives("audio", "video")
        hertz, loudest = await page.listen()
        assert abs(hertz - PATTERN_HERTZ) < 5
        assert loudest > 0.01
        stats = await page.stats()
        assert (stats["in_video"]["frameWidth"], stats["in_video"]["frameHeight"]) == (640, 480)
        await page.sends_at(MIN_BITRATE)
        await page.press("Hang up")
        assert (await page.call("ended"))["sentence"].startswith("You hung up")


async def test_the_echo_brings_the_own_tone_and_picture_back() -> None:
    async with demo() as page:
        await call(page, "echo")
        await page.receives("audio", "video")
        stats = await page.stats()
        assert stats["in_video"]["frameWidth"] == stats["out_video"]["frameWidth"]
        # Chromium's fake microphone beeps once a second.
        _, loudest = await page.listen(2.5)
        assert loudest > 0.01
        await page.sends_at(MIN_BITRATE)


async def test_both_contacts_can_be_called_one_after_the_other() -> None:
    async with demo() as page:
        for whom in ("echo", "pattern", "echo"):
            await call(page, whom)
            await page.receives("audio", "video")
            await page.press("Hang up")
            await page.call("ended")
            await page.press("Done")
