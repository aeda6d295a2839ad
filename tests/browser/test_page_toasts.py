"""Sentences that stand at the edge of the page for a moment: read, dismissed, and never in the way."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Kind
from peer.handset.protocol import Problem, Said
from tests.browser.chromium import ONE_HEADLESS_SHELL
from tests.browser.scripted import Theatre, theatre

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

FIRST = Problem(kind="error.media", sentence="Your microphone was disconnected.", hint="Choose another one.")
SECOND = Said(
    call=1, kind=Kind.RECORDING_STOPPED, sentence="It is in /home/me/a.webm.", path="/home/me/a.webm", recording=1
)

MOST_STOPS = 60
"More presses of Tab than the page has places for the focus."


def toast(play: Theatre, *words: str) -> Any:
    """The toast that has these words; without any, all toasts."""
    return play.page.locator(".toast", has_text=words[0]) if words else play.page.locator(".toast")


def dismiss(play: Theatre, words: str) -> Any:
    """The button that dismisses the toast with these words."""
    return toast(play, words).get_by_role("button", name="Dismiss")


async def test_a_click_dismisses_a_toast_and_leaves_what_is_typed_alone() -> None:
    async with theatre() as play:
        await play.page.locator("#whom").fill("an")
        play.tell(FIRST, SECOND)
        await dismiss(play, "microphone").click()
        await toast(play, "microphone").wait_for(state="detached")
        assert await play.focused() == "whom"
        assert await toast(play, "/home/me").is_visible()
        await play.can_be_used()
        await dismiss(play, "/home/me").click()
        await toast(play).wait_for(state="detached")
        assert not await play.page.locator("#toasts").is_visible()


async def test_at_the_keyboard_the_focus_goes_from_toast_to_toast_and_back_to_where_it_was() -> None:
    async with theatre() as play:
        play.tell(FIRST, SECOND)
        await toast(play, "/home/me").wait_for()
        for _ in range(MOST_STOPS):
            await play.page.evaluate("window.before = document.activeElement")
            await play.page.keyboard.press("Tab")
            if await play.focused() == "Dismiss":
                break
        await play.page.keyboard.press("Enter")
        await toast(play, "microphone").wait_for(state="detached")
        assert await play.focused() == "Dismiss"
        await play.page.keyboard.press("Enter")
        await toast(play).wait_for(state="detached")
        assert await play.page.evaluate("document.activeElement === window.before && window.before !== document.body")


async def test_a_toast_can_be_dismissed_in_front_of_a_dialog_and_outlives_it() -> None:
    async with theatre() as play:
        play.tell(FIRST)
        await toast(play, "microphone").wait_for()
        await play.page.locator("#open-card").click()
        await play.page.locator("#card").wait_for()
        await dismiss(play, "microphone").click()
        await toast(play).wait_for(state="detached")
        play.tell(SECOND)
        await play.until("document.getElementById('announce').textContent.includes('/home/me')")
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        await play.page.locator("#card").wait_for(state="hidden")
        assert await toast(play, "/home/me").is_visible()
        await dismiss(play, "/home/me").click()
        await toast(play).wait_for(state="detached")
        # From now on the page is told by the region that a screen reader reads as it changes.
        assert await play.page.locator("#toasts").get_attribute("aria-live") == "polite"


async def test_that_questions_are_declined_from_now_on_stands_there_once() -> None:
    async with theatre() as play:
        play.tell(Said(call=1, kind=Kind.AGAIN, sentence="anna keeps asking you into conversations."))
        await toast(play, "keeps asking").wait_for()
        assert await toast(play).count() == 1
