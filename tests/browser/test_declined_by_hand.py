"""Declining or giving up a call on the page: the user gets a link that says so, if nothing else delivers it."""

from __future__ import annotations

import pytest

from bot.kinds import Kind
from peer.handset.protocol import Act, Decline, Explain, Explained, SeenEnd, ShowLink
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import TOKEN, Theatre, call, greeting, link, theatre
from tests.browser.test_media_keys import wanted

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

STRANGER = {"name": "Somebody you haven't saved", "contact": None, "trust": "stranger"}

SO_THAT_THEY_KNOW = "Send this to anna so that they know."


async def test_the_link_that_declines_is_there_to_be_copied_unless_a_messenger_carries_it() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing"))
        await play.page.locator("#decline").wait_for()
        said = ShowLink(call=1, link=link(), kind=Kind.LINK_REFUSAL, sentence=SO_THAT_THEY_KNOW)
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


DECLINED = "You declined carol's call."


async def declined(play: Theatre) -> None:
    """Carol's call, the second one, rings and is declined. Nothing delivers the link."""
    play.tell(call(2, "ringing", name="carol"))
    await play.page.locator("#decline, #beside-decline").locator("visible=true").first.wait_for()
    play.tell(ShowLink(call=2, link=link(), kind=Kind.LINK_REFUSAL, sentence="Send this to carol so that they know."))
    play.tell(call(2, "ended", name="carol", sentence=DECLINED))


async def shows_the_link(play: Theatre) -> None:
    """Check that the page of carol's call is shown, and that its button leaves that page for good."""
    await play.view.shows(DECLINED)
    assert await play.page.locator("#ended-token").text_content() == link().text
    await play.page.locator("#ended-close").click()


async def test_a_call_that_is_declined_where_another_has_ended_shows_its_link_in_that_ones_place() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(call(1, "ended", sentence="anna hung up."))
        await play.view.shows("anna hung up.")
        await declined(play)
        await shows_the_link(play)
        await play.page.locator("#home").wait_for()


async def test_a_call_that_is_declined_beside_one_on_hold_shows_its_link_first() -> None:
    async with theatre(greeting(calls=[call(1, "active", on_hold=True)])) as play:
        await declined(play)
        await shows_the_link(play)
        await play.page.locator("#stage").wait_for()


async def test_declining_as_the_caller_gives_up_declines_nobody_who_rings_behind_them() -> None:
    """Somebody may let a call ring in front of a contact's, and take it back as it is about to be declined."""
    async with theatre(greeting()) as play:
        play.tell(call(1, "ringing", **STRANGER), call(2, "ringing", name="carol"))
        decline = play.page.locator("#decline")
        await play.view.shows("carol is also calling")
        await decline.hover()
        await play.page.mouse.down()
        play.tell(call(1, "ended", **STRANGER))
        await play.until("document.getElementById('incoming-title').textContent === 'carol'")
        await play.page.mouse.up()
        # No time passes, so a press is meant for the call that was shown before.
        await play.page.evaluate("window.clock = performance.now; performance.now = () => 0")
        play.tell(call(3, "ringing", name="dora"), call(2, "ended", name="carol"))
        await play.until("document.getElementById('incoming-title').textContent === 'dora'")
        await play.page.keyboard.press("Shift+D")
        await decline.click(force=True)
        await play.page.evaluate("performance.now = clock.bind(performance); dispatchEvent(new Event('focus'))")
        await play.until("document.getElementById('decline').hasAttribute('data-settled')")
        assert not wanted(play, Decline)
        # Nor when the next one rings only after the last one is over.
        await play.page.evaluate("performance.now = () => 0")
        play.tell(call(3, "ended", name="dora"))
        await play.page.locator("#incoming").wait_for(state="hidden")
        play.tell(call(4, "ringing", name="erin"))
        await play.until("document.getElementById('incoming-title').textContent === 'erin'")
        await play.page.keyboard.press("Shift+D")
        await play.page.evaluate("performance.now = clock.bind(performance); dispatchEvent(new Event('focus'))")
        await play.until("document.getElementById('decline').hasAttribute('data-settled')")
        assert not wanted(play, Decline)
        await play.page.keyboard.press("Shift+D")
        await play.wants(Decline, call=4)


async def test_a_call_that_rings_alone_is_declined_at_once() -> None:
    async with theatre(greeting()) as play:
        play.tell(call(1, "ringing"))
        await play.page.locator("#decline").click()
        await play.wants(Decline, call=1)


@pytest.mark.parametrize(("state", "shown"), [("active", "stage"), ("calling", "outgoing")])
async def test_the_link_of_a_call_that_is_declined_beside_another_is_there_at_once_and_afterwards(
    state: str, shown: str
) -> None:
    async with theatre(greeting(calls=[call(1, state, role="caller")])) as play:
        await declined(play)
        told = play.page.locator(".toast", has_text=f"{DECLINED} Send this to carol so that they know.")
        await told.get_by_role("button", name="Copy link").wait_for()
        assert await play.page.locator(f"#{shown}").is_visible()
        play.tell(call(1, "ended", role="caller", sentence="anna hung up."))
        await play.view.shows("anna hung up.")
        await play.page.locator("#ended-close").click()
        await shows_the_link(play)
        await play.page.locator("#home").wait_for()


async def test_a_link_that_was_copied_beside_a_call_is_not_shown_after_it() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await declined(play)
        await play.page.locator(".toast").get_by_role("button", name="Copy link").click()
        play.tell(call(1, "ended", sentence="anna hung up."))
        await play.view.shows("anna hung up.")
        await play.page.locator("#ended-close").click()
        await play.page.locator("#home").wait_for()


async def test_a_page_that_is_loaded_again_shows_the_link_again_until_it_was_put_away() -> None:
    said = ShowLink(call=2, link=link(), kind=Kind.LINK_REFUSAL, sentence="Send this to carol so that they know.")
    ended = call(2, "ended", name="carol", sentence=DECLINED)
    async with theatre() as play:
        await declined(play)
        await play.view.shows(DECLINED)
        play.script.greeting = greeting(calls=[ended], links=[said])
        await play.view.reload()
        await play.view.shows(DECLINED)
        await play.can_be_used()
        await shows_the_link(play)
        await play.wants(SeenEnd, call=2)
        await play.page.locator("#home").wait_for()


async def test_a_page_that_is_loaded_again_beside_another_call_offers_the_link_there() -> None:
    said = ShowLink(call=2, link=link(), kind=Kind.LINK_REFUSAL, sentence="Send this to carol so that they know.")
    ended = call(2, "ended", name="carol", sentence=DECLINED)
    async with theatre(greeting(calls=[call(1, "active"), ended], links=[said])) as play:
        await play.page.locator("#stage").wait_for()
        told = play.page.locator(".toast", has_text=f"{DECLINED} Send this to carol so that they know.")
        await told.get_by_role("button", name="Copy link").click()
        await play.wants(SeenEnd, call=2)


async def test_a_link_that_was_not_copied_comes_back_after_the_next_call() -> None:
    async with theatre() as play:
        await declined(play)
        await play.view.shows(DECLINED)
        for number, copies in ((3, False), (4, True)):
            if copies:
                await play.page.locator("#ended-copy").click()
            play.tell(call(number, "active"))
            await play.page.locator("#stage").wait_for()
            play.tell(call(number, "ended", sentence="anna hung up."))
            await play.view.shows("anna hung up.")
            await play.page.locator("#ended-close").click()
            if not copies:
                await play.view.shows(DECLINED)
        await play.page.locator("#home").wait_for()


async def test_who_gives_up_a_call_gets_the_link_that_says_so_and_none_that_would_call() -> None:
    calling = call(1, "calling", role="caller")
    waits = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
    async with theatre(greeting(calls=[calling], links=[waits])) as play:
        await play.view.shows("Did they send a link back? Paste it here")
        play.tell(call(1, "ended", role="caller"))
        await play.page.locator("#ended").wait_for()
        assert not await play.page.locator("#ended-link").is_visible()
        play.tell(ShowLink(call=1, link=link(), kind=Kind.LINK_CANCEL, sentence=SO_THAT_THEY_KNOW))
        await play.view.shows(SO_THAT_THEY_KNOW)
        await play.can_be_used()


async def pasted(play: Theatre) -> None:
    """A pasted link that says what the other side did with a call takes effect at once, without a question."""
    await play.view.pastes(f"copybara:{TOKEN}", "nowhere")
    await play.wants(Act, text=TOKEN)
    assert not await play.page.locator("#explain").is_visible()


SAYS = Explained(token=TOKEN, kind="said", sentence="From anna: they declined.", can_act=True, button="Use it")


@pytest.mark.parametrize(("state", "shown"), [("calling", "outgoing"), ("ringing", "incoming"), ("active", "stage")])
async def test_what_the_other_side_says_of_a_call_is_taken_wherever_it_is_pasted(state: str, shown: str) -> None:
    async with theatre(greeting(calls=[call(1, state, role="caller")]), explained=SAYS) as play:
        await play.page.locator(f"#{shown}").wait_for()
        await pasted(play)


async def test_a_link_that_is_written_to_somebody_in_a_call_is_only_put_in() -> None:
    async with theatre(greeting(calls=[call(1, "active")]), explained=SAYS) as play:
        await play.view.press("Write")
        await play.view.pastes(f"copybara:{TOKEN}", "write")
        await pasted(play)
        assert [each for each in play.script.heard_messages if isinstance(each, Explain)] == []
