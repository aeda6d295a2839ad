"""One person at a browser, and endpoints that need nobody else: the demo with its two built-in contacts.

With COPYBARA_WRITE_DOCS=1 (`make docs`) the picture in README.md is taken again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.kinds import Kind
from tests.browser import faces
from tests.browser.chromium import ONE_CHROMIUM, PageView, browser, looked_at, until_seen
from tests.browser.people import running_demo
from tests.browser.pictures import graded, look_like, taken

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

PATTERN_HERTZ = 440.0


@contextlib.asynccontextmanager
async def demo(camera: Path | None = None) -> AsyncIterator[PageView]:
    """`copybara demo --handset`, and its page in a browser. `camera` is a film for its camera."""
    async with running_demo() as address, browser(camera=camera) as chromium:
        page = await chromium.open(address)
        hello = await page.heard("hello")
        assert [contact["name"] for contact in hello["contacts"]] == ["echo", "pattern"]
        yield page
        assert not chromium.problems, chromium.problems


async def call(page: PageView, whom: str) -> dict[str, Any]:
    """Call a contact with one click, and wait until the call is active."""
    await page.press(f"Video call to {whom}")
    return await page.call("active")


async def test_a_newcomer_sees_and_hears_the_pattern_with_one_click() -> None:
    async with demo() as page:
        await call(page, "pattern")
        await page.receives("audio", "video")
        await page.hears(PATTERN_HERTZ, seconds=1.5)
        await page.pictures_are(640, 480)
        await page.press("Hang up")
        assert (await page.call("ended"))["report"]["reason"] == "hung-up"


async def test_a_page_that_nobody_has_clicked_on_says_so_and_is_heard_from_the_first_click_on() -> None:
    """The page may not use a microphone either: Chromium lets a page play sound while it uses the microphone."""
    async with running_demo() as address, browser(allowed=()) as chromium:
        page = (await chromium.open(address)).page
        await until_seen(page, "watched.sockets.at(-1)?.heard.some((each) => each.type === 'hello')")
        place = json.dumps({"type": "place", "whom": "pattern", "media": "video"})
        await looked_at(page, f"watched.sockets.at(-1).send({place!r})")
        await until_seen(page, "document.getElementById('remote-video').videoWidth > 0")
        await until_seen(page, "document.getElementById('stage-hear').checkVisibility()")
        words = await looked_at(page, "document.getElementById('stage-hear').innerText")
        assert words.strip() == "Tap or click anywhere to hear pattern."
        assert await looked_at(page, "document.getElementById('remote-audio').paused") is True
        await page.mouse.click(400, 300)
        await until_seen(page, "document.getElementById('remote-audio').currentTime > 0.2")
        assert await looked_at(page, "document.getElementById('stage-hear').checkVisibility()") is False


async def test_the_echo_brings_the_own_tone_and_picture_back() -> None:
    async with demo() as page:
        await call(page, "echo")
        await page.receives("audio", "video")
        await page.pictures_come_as_sent_by(page)
        # Chromium's fake microphone beeps once a second.
        await page.hears()


SENT = """
(() => {
  const connection = watched.connections.filter((each) => each.connectionState === "connected").at(-1);
  const live = connection.getSenders().map((each) => each.track).filter((track) => track?.readyState === "live");
  const [sound, picture] = ["audio", "video"].map((kind) => live.find((track) => track.kind === kind));
  const { noiseSuppression, echoCancellation } = sound?.getSettings() ?? {};
  return [noiseSuppression, echoCancellation, picture?.getSettings().width].join();
})()
"""


async def test_filters_and_the_pictures_size_change_in_a_call_that_goes_on() -> None:
    async with demo() as page:
        await call(page, "echo")
        await page.receives("audio", "video")
        await until_seen(page.page, f"{SENT} === 'true,true,640'")
        await page.page.keyboard.press("d")
        await page.page.locator("#noiseSuppression").uncheck()
        await page.page.locator("#pick-size").select_option("320x240")
        await page.page.keyboard.press("Escape")
        await until_seen(page.page, f"{SENT} === 'false,true,320'")
        await page.pictures_are(320, 240)
        await page.receives("audio", "video")
        await page.hears()


async def test_a_call_of_the_demo_says_who_answered_where_it_goes_and_how_good_it_is(tmp_path: Path) -> None:
    async with demo(faces.camera(faces.ANNA)) as page:
        await look_like(page.page, "light")
        await call(page, "pattern")
        await page.says(Kind.REMOTE_ANSWERED_AUTOMATICALLY)
        await page.shows("On this machine only, no privacy")
        await page.pictures_are(640, 480)
        await page.page.get_by_text(graded()).wait_for()
        await taken(page.page, "demo")


async def test_the_page_of_a_demo_that_has_ended_says_so_and_how_to_see_it_again() -> None:
    async with browser() as chromium:
        async with running_demo() as address:
            page = await chromium.open(address)
            await page.heard("hello")
        await page.shows("The demo has ended")
        assert await page.page.locator("#gate-command").inner_text() == "copybara demo --handset"


async def test_both_contacts_can_be_called_one_after_the_other() -> None:
    async with demo() as page:
        for whom in ("echo", "pattern", "echo"):
            await call(page, whom)
            await page.receives("audio", "video")
            await page.press("Hang up")
            await page.call("ended")
            await page.press("Done")
