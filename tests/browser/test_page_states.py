"""The real page in each of its states, between two real programs. The pictures of docs/handset.md are taken here.

With COPYBARA_WRITE_DOCS=1 (`make docs`) the pictures are written again. Without it the test still visits every state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.kinds import Kind
from tests.browser import faces
from tests.browser.chromium import ONE_HEADLESS_SHELL
from tests.browser.people import Somebody, both_ways, two_people
from tests.browser.pictures import LOOKS, graded, look_like
from tests.browser.pictures import taken as picture_taken

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]


async def taken(person: Somebody, name: str) -> None:
    """Take the picture, if pictures are wanted."""
    await picture_taken(person.page.page, name)


async def fits(person: Somebody) -> None:
    """Check that nothing is wider than the window, and that every button has a name."""
    page: Any = person.page.page
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = await page.evaluate(
        """[...document.querySelectorAll("button, input, select")]
        .filter((each) => each.checkVisibility())
        .filter((each) => !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length))
        .map((each) => each.id)"""
    )
    assert nameless == []


@pytest.mark.parametrize("look", LOOKS)
async def test_a_first_contact_is_carried_from_page_to_page(tmp_path: Path, look: str) -> None:
    async with two_people(tmp_path, cameras=(faces.camera(faces.ANNA), faces.camera(faces.BOB))) as (anna, bob):
        for person in (anna, bob):
            await look_like(person.page.page, look)
        await fits(anna)
        await taken(anna, f"home-{look}")

        anna.node.chat.held = True
        await anna.page.place(bob.node.node)
        link = (await anna.page.heard("link"))["link"]["text"]
        await anna.page.shows("Copy link")
        await fits(anna)
        await taken(anna, f"outgoing-{look}")

        # A link that is tapped in a chat: the page explains it, and acts on it after one click.
        token = link.removeprefix("copybara:")
        await bob.page.page.evaluate("token => { location.hash = token }", token)
        await bob.page.shows("Incoming call")
        await bob.page.shows("Let it ring")
        assert await bob.page.page.evaluate("location.hash") == ""
        await fits(bob)
        await taken(bob, f"explained-{look}")
        await bob.page.press("Not now")

        bob.node.write(link, sender="anna")
        await bob.page.call("ringing")
        await bob.page.shows("is calling you with video")
        assert await bob.page.page.title() != "Copybara Relay"
        assert await bob.page.page.evaluate("document.activeElement.closest('dialog')?.id") == "incoming"
        await fits(bob)
        await taken(bob, f"incoming-{look}")
        await bob.page.answer()

        answer = (await bob.page.heard("link"))["link"]["text"]
        await bob.page.shows("Now send this answer back in the chat the link came from")
        await fits(bob)
        await anna.page.pastes(answer, "answer-text")
        await anna.page.call("active")
        await both_ways(anna, bob)
        await anna.page.shows("On this machine only, no privacy")
        # The pictures grow to their full size, and the page measures one second.
        await anna.page.pictures_are(640, 480)
        await anna.page.page.get_by_text(graded()).wait_for()
        await fits(anna)
        await taken(anna, f"call-{look}")

        await bob.page.press("Mute")
        await anna.page.shows("is muted")
        await bob.page.press("Camera off")
        await anna.page.shows("Their camera is off")
        await anna.page.write("I see your <i>initial</i> only")
        await bob.page.shows("I see your <i>initial</i> only")
        await fits(anna)
        await taken(anna, f"texts-{look}")
        await bob.page.press("Unmute")
        await bob.page.press("Camera on")
        await both_ways(anna, bob)

        await anna.page.press("About")
        await anna.page.shows("nobody is between you")
        await anna.page.shows("No other address is used. On this machine only, no privacy.")
        words = await anna.page.page.locator("#phrase li").all_text_contents()
        assert words == (await anna.page.call("active"))["phrase"].split()
        await fits(anna)
        await taken(anna, f"about-{look}")

        await anna.page.page.keyboard.press("Escape")
        await anna.page.press("Hang up")
        await bob.page.says(Kind.ENDED)
        await bob.page.shows("Save them now, and next time one link is enough.")
        await fits(bob)
        await taken(bob, f"ended-{look}")
        assert await bob.page.page.locator("#ended-avatar").inner_text() == "?"
        await bob.page.page.locator("#ended-name").fill("anna")
        await bob.page.press("Save")
        await bob.page.page.locator("#ended-title").get_by_text("anna").wait_for()
        assert await bob.page.page.locator("#ended-avatar").inner_text() == "A"
        await bob.page.press("Done")
        await bob.page.shows("anna")


async def test_keys_mute_write_and_hang_up(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await anna.page.say(type="place", whom=bob.node.node, media="video")
        await bob.page.shows("is calling you with video")
        await bob.page.can_be_pressed("answer-video")
        await bob.page.page.keyboard.press("Shift+V")
        await both_ways(anna, bob)
        await anna.page.page.keyboard.press("m")
        await bob.page.shows("is muted")
        await anna.page.page.keyboard.press("m")
        await anna.page.page.keyboard.press("c")
        assert await anna.page.page.evaluate("document.activeElement.id") == "write"
        # In a text field the same key types a letter.
        await anna.page.page.keyboard.type("mmm")
        assert await anna.page.page.locator("#write").input_value() == "mmm"
        await anna.page.page.keyboard.press("Escape")
        await bob.page.page.keyboard.press("Shift+H")
        await anna.page.says(Kind.ENDED)
