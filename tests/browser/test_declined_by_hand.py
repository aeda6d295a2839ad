"""Who declines a call on the page gets the link that says so, if nobody else carries it."""

from __future__ import annotations

from bot.kinds import Kind
from peer.handset.protocol import ShowLink
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import call, link, theatre

pytestmark = ONE_CHROMIUM

SO_THAT_THEY_KNOW = "Send this to anna so that they know."


async def test_the_link_that_declines_is_there_to_be_copied_unless_a_messenger_carries_it() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing"))
        await play.page.locator("#decline").wait_for()
        said = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence=SO_THAT_THEY_KNOW)
        play.tell(said, call(1, "ended"))
        await play.view.shows(SO_THAT_THEY_KNOW)
        assert await play.page.locator("#ended-token").text_content() == said.link.text
        assert await play.page.locator("#ended-copy").is_visible()
        await play.page.locator("#ended-close").click()
        play.tell(call(2, "ringing"))
        await play.page.locator("#decline").wait_for()
        play.tell(call(2, "ended"))
        await play.page.locator("#decline").wait_for(state="hidden")
        assert not await play.page.locator("#ended-token").is_visible()
