"""Several people at the page: a script tests what the page shows and asks for, and one test runs three programs.

Two of the three programs have a page. axe-core checks every state. With COPYBARA_WRITE_DOCS=1 (`make docs`) the
pictures of these states are written again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bot.kinds import Kind
from peer.handset.protocol import AnswerQuestion, HangUp, Merge, Said, SaveContact, Text, Write
from tests.browser.chromium import ONE_CHROMIUM, until_seen
from tests.browser.people import a_call_on_hold_for_another, both_ways
from tests.browser.scripted import NODE, NOW, call, everywhere, greeting, theatre
from tests.browser.test_page_hold import HELD, ON_HOLD
from tests.browser.test_page_told import BESIDE, TONES

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

CONVERSATION = "ab" * 16

STRANGER = {
    "name": "node h8syf1xc…",
    "contact": None,
    "node": NODE,
    "called": "carl",
    "trust": "stranger",
    "trust_words": "Not in your contacts. Make sure you know who this is.",
    "proven": False,
    "paired": False,
    "phrase": "amber canal orbit tulip",
}

QUESTION = (
    "anna wants to make one conversation of this call and the one with “carl”. If you agree, you hear and see each "
    "other. They get your node id and your overlay address, and you get theirs."
)


async def test_the_words_of_everybody_who_was_introduced_are_there_to_be_compared() -> None:
    together = {"conversation": CONVERSATION}
    theirs = {**BESIDE, "phrase": "one two three four", "paired": False}
    async with theatre(
        greeting(calls=[call(1, "active", **together), call(2, "active", **theirs, **together)])
    ) as play:
        await play.page.locator("#words").get_by_text("Compare these words with bob").wait_for()
        assert await play.page.locator("#words-list li").all_text_contents() == ["one", "two", "three", "four"]
        await play.view.press("They match")
        await play.page.locator("#words").wait_for(state="hidden")


async def test_two_calls_are_merged_and_both_people_are_shown() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD), call(2, "active", **BESIDE)])) as play:
        await play.view.press("Merge calls")
        await play.wants(Merge)
        play.tell(call(1, "active", conversation=CONVERSATION))
        play.tell(call(2, "active", **BESIDE, conversation=CONVERSATION))
        await play.until("document.getElementById('stage-name').textContent === 'anna, bob'")
        await play.until("document.querySelector('#people .person b')?.textContent === 'bob'")
        assert not await play.page.locator("#others").is_visible()
        # Each line of text is shown with the name of the person who wrote it.
        play.tell(Text(call=1, ours=False, text="hello from anna", at=NOW))
        play.tell(Text(call=2, ours=False, text="hello from bob", at=NOW + 1))
        await play.page.keyboard.press("c")
        await play.until("document.getElementById('texts').innerText.includes('bob: hello from bob')")
        await everywhere(play, "conversation")
        play.tell(call(1, "ended", conversation=CONVERSATION))
        play.tell(call(2, "active", **BESIDE))
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        await play.until("document.getElementById('people').hidden")
        await play.page.keyboard.press("Escape")
        await play.page.keyboard.press("Shift+H")
        await play.wants(HangUp, call=2)


async def test_who_does_not_prove_to_be_the_contact_is_shown_as_such_beside_the_others() -> None:
    together = {"conversation": CONVERSATION}
    trust = "document.querySelector('#people .person-trust')"
    async with theatre(
        greeting(calls=[call(1, "active", **together), call(2, "active", **BESIDE, **together, proven=False)])
    ) as play:
        await play.until(f"{trust}?.textContent === 'not proven to be them' && !{trust}.hidden")
        play.tell(call(2, "active", **BESIDE, **together, proven=False, trust="unproven"))
        await play.until(f"{trust}.textContent === 'without the key that you share'")
        play.tell(call(2, "active", **BESIDE, **together))
        await play.until(f"{trust}.hidden")


async def test_the_lines_of_one_call_never_stand_in_anothers_panel() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD), call(2, "active", **BESIDE)])) as play:
        play.tell(Text(call=1, ours=False, text="hello from anna", at=NOW))
        play.tell(Text(call=2, ours=False, text="hello from bob", at=NOW))
        await play.page.keyboard.press("c")
        await play.until("document.getElementById('texts').innerText.includes('hello from bob')")
        play.tell(call(2, "active", **BESIDE, **ON_HOLD), call(1, "active"))
        await play.until("document.getElementById('stage-name').textContent === 'anna'")
        await play.page.keyboard.press("c")
        await play.until("document.getElementById('texts').innerText.includes('hello from anna')")
        assert "bob" not in await play.page.locator("#texts").inner_text()
        # A text that was begun for one person isn't sent to anybody else.
        await play.page.locator("#write").fill("for anna")
        play.tell(call(1, "active", **ON_HOLD), call(2, "active", **BESIDE))
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        await play.page.keyboard.press("Escape")
        await play.until("document.activeElement.id !== 'write'")
        await play.page.keyboard.press("c")
        await play.page.locator("#write").press("Enter")
        await play.view.shows("Nothing was sent: you wrote it for another call.")


async def test_what_was_begun_before_somebody_came_in_is_not_sent_to_them() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.page.keyboard.press("c")
        await play.page.locator("#write").fill("bob mustn't know")
        play.tell(call(1, "active", conversation=CONVERSATION))
        play.tell(call(2, "active", **BESIDE, conversation=CONVERSATION))
        await play.until("document.querySelector('#people .person b') !== null")
        await play.page.keyboard.press("Enter")
        await play.view.shows("Nothing was sent: it would reach bob too, who came in while you wrote.")
        await play.page.locator("#write").fill("hello both")
        await play.page.keyboard.press("Enter")
        await play.wants(Write, call=1, text="hello both")


async def test_the_owner_is_asked_into_a_conversation_and_says_no_or_yes() -> None:
    async with theatre(greeting(calls=[call(1, "active", question=QUESTION)])) as play:
        await play.view.shows("If you agree, you hear and see each other.")
        await everywhere(play, "join-question")
        await play.view.press("Refuse")
        await play.wants(AnswerQuestion, call=1, agrees=False, question=QUESTION)
        play.tell(call(1, "active"))
        await play.until("document.getElementById('join').hidden")
        play.tell(call(1, "active", question=QUESTION))
        await play.view.press("Agree")
        await play.wants(AnswerQuestion, call=1, agrees=True, question=QUESTION)
        # A person whose connection is still being made takes nobody's place on the stage.
        play.tell(call(1, "active", conversation=CONVERSATION))
        play.tell(call(2, "calling", **BESIDE, role="caller", conversation=CONVERSATION))
        await play.until("document.querySelector('#people .person')?.innerText.includes('connecting')")
        assert await play.page.locator("#stage-name").inner_text() == "anna, bob"


async def test_a_conversation_on_hold_names_all_and_one_who_holds_leaves_the_stage_to_who_is_there() -> None:
    together = {"conversation": CONVERSATION}
    calls = [call(1, "active", **together), call(2, "active", **BESIDE, **together)]
    async with theatre(greeting(calls=calls)) as play:
        await play.page.evaluate(TONES)
        await play.until("document.getElementById('stage-name').textContent === 'anna, bob'")
        # Anna puts bob and the owner on hold, or only the owner. In the second case bob is still heard.
        play.tell(call(1, "active", **HELD, **together))
        await play.until("document.getElementById('stage-name').textContent === 'bob, anna'")
        await play.view.shows("has you on hold")
        assert not await play.page.locator("#held").is_visible()
        await play.view.press("Show anna large")
        await play.page.locator("#held-title", has_text="anna has you on hold").wait_for()
        await play.can_be_used()
        await play.view.press("Show bob large")
        await play.page.locator("#held").wait_for(state="hidden")
        assert 392 not in await play.page.evaluate("tones"), "the tone isn't for somebody who talks to others"
        play.tell(call(2, "active", **BESIDE, **together, **HELD))
        await play.view.shows("You are on hold")
        await play.until("tones.includes(392)")
        # The owner puts everybody on hold.
        play.tell(call(1, "active", **together, **ON_HOLD), call(2, "active", **BESIDE, **together, on_hold=True))
        await play.view.shows("Your conversation with anna, bob is on hold")
        await play.view.shows("you don't hear anna, bob.")
        await play.can_be_used()
        play.tell(call(3, "active", **STRANGER))
        await play.view.shows("Your conversation with anna, bob is on hold.")
        await play.page.get_by_role("button", name="Swap to anna, bob").wait_for()
        await play.can_be_used()


async def test_what_becomes_of_a_merge_is_seen_and_it_can_be_taken_back() -> None:
    asking = "Asking anna and bob whether they want to be in one conversation."
    async with theatre(
        greeting(calls=[call(1, "active", **ON_HOLD, asks=asking), call(2, "active", **BESIDE)])
    ) as play:
        assert await play.view.says(Kind.CONVERSATION_ASKING) == asking
        assert not await play.page.locator("#join-agree").is_visible()
        await everywhere(play, "asking")
        await play.view.press("Take it back")
        await play.wants(AnswerQuestion, call=1, agrees=False)
        for kind, sentence in (
            (Kind.CONVERSATION_OFF, "anna doesn't want to be in one conversation. Your calls stay as they are."),
            (Kind.CONVERSATION_LEFT, "anna has left the conversation. You are still with bob."),
            (Kind.CONVERSATION_CANT_MEET, "You can't be connected with “carl”. There is a call with them already."),
        ):
            play.tell(Said(call=1, kind=kind, sentence=sentence), call(1, "active"))
            assert await play.view.says(kind) == sentence
        await everywhere(play, "conversation-refused")


async def test_each_of_a_conversation_can_fill_the_stage_where_their_words_are_compared() -> None:
    three = (
        call(1, "active", conversation=CONVERSATION),
        call(2, "active", **BESIDE, conversation=CONVERSATION),
        call(3, "active", **STRANGER, conversation=CONVERSATION),
    )
    async with theatre(greeting(calls=[*three])) as play:
        await play.view.shows("“carl”, not in your contacts")
        await everywhere(play, "conversation-of-four")
        await play.view.press(f"Show {STRANGER['name']} large")
        await play.until(f"document.getElementById('stage-name').textContent.startsWith('{STRANGER['name']}')")
        assert await play.page.locator("#words-list li").all_text_contents() == ["amber", "canal", "orbit", "tulip"]
        await play.page.keyboard.press("i")
        await play.page.locator("#save-name").fill("carl")
        await play.view.press("Save")
        await play.wants(SaveContact, call=3, name="carl")
        # The text stays the same when another person fills the stage, and counts as new only once.
        await play.page.keyboard.press("c")
        play.tell(Text(call=1, ours=False, text="hello", at=NOW))
        await play.until("document.getElementById('texts').innerText.includes('anna: hello')")
        await play.view.press("Show anna large")
        await play.until("document.getElementById('stage-name').textContent.startsWith('anna')")
        assert await play.page.locator("#texts").is_visible()
        assert not await play.page.locator("#unread").is_visible()


async def test_who_doesnt_hear_whom_stands_there_until_it_is_over() -> None:
    said = "In your conversation: anna and bob don't hear each other."
    calls = [call(1, "active", conversation=CONVERSATION), call(2, "active", **BESIDE, conversation=CONVERSATION)]
    async with theatre(greeting(calls=[msgspec.structs.replace(each, circle=said) for each in calls])) as play:
        assert await play.view.says(Kind.CONVERSATION_CIRCLE) == said
        await everywhere(play, "conversation-apart")
        play.tell(*calls)
        await play.page.locator("#circle").wait_for(state="hidden")


async def test_three_people_hear_each_other_two_of_them_at_pages(tmp_path: Path) -> None:
    async with a_call_on_hold_for_another(tmp_path) as (anna, bob, carol_node):
        await bob.page.press("Merge calls")
        await anna.page.shows("If you agree, you hear and see each other.")
        await anna.page.press("Agree")
        await carol_node.told(kind=Kind.CONVERSATION_ASKED)
        await carol_node.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        # Each page shows and plays the other two, and the program without one gets both.
        for person in (anna, bob):
            for element in ("#remote-video", "#people video"):
                await until_seen(person.page.page, f"document.querySelector('{element}')?.videoWidth > 0")
            await until_seen(person.page.page, "document.querySelector('#people audio')?.srcObject?.active")
        await carol_node.until(
            lambda said: said["type"] == "call" and said["with"] != "bob" and said["state"] == "active"
        )
        calls = (await carol_node.status())["calls"]
        assert len({call["conversation"] for call in calls}) == 1
        assert len(calls) == 2
        carol_node.write("/hangup")
        for person in (anna, bob):
            await until_seen(person.page.page, "document.getElementById('people').hidden")
        await both_ways(anna, bob, "video")
