"""A page that is loaded again, or connects again, shows the same as before: offers, notes, and what is under way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.kinds import Kind
from peer.handset.protocol import (
    ConfirmDevice,
    Contacts,
    Devices,
    Hello,
    Log,
    Recorded,
    Said,
    SaveContact,
    SeenEnd,
    SendFile,
    ShowLink,
    Text,
)
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import BOB, NOW, Theatre, adding, call, contact, greeting, link, logged, sends, theatre
from tests.browser.test_page_told import STRANGER
from tests.browser.test_page_voice_message import UNHEARD

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

HUNG_UP = "Somebody you haven't saved hung up."
MET: dict[str, Any] = {**STRANGER, "paired": False, "connected_at": NOW, "sentence": HUNG_UP}
"A first call that has ended."

SAVE_THEM_NOW = "Save them now, and next time one link is enough."


async def again(play: Theatre, hello: Hello) -> None:
    """Load the page again, and let the program greet it with this."""
    play.script.greeting = hello
    await play.view.reload()


async def connects_again(play: Theatre, hello: Hello) -> None:
    """Break the page's connection to the program, as on a phone that slept, and let it connect again."""
    play.script.greeting = hello
    assert play.pages.current is not None
    play.pages.current.end()
    await play.until("watched.sockets.length === 2 && watched.sockets[1].heard.some((each) => each.type === 'hello')")


async def test_the_offer_to_save_who_was_in_a_first_call_comes_back_until_it_is_taken_or_put_away() -> None:
    async with theatre(greeting(contacts=[])) as play:
        play.tell(call(1, "active", **MET), call(1, "ended", **MET))
        await play.view.shows(SAVE_THEM_NOW)
        await connects_again(play, greeting(contacts=[], calls=[call(1, "ended", **MET)]))
        await play.view.shows(SAVE_THEM_NOW)
        await again(play, greeting(contacts=[], calls=[call(1, "ended", **MET)]))
        await play.view.shows(SAVE_THEM_NOW)
        await play.can_be_used()
        await play.page.locator("#ended-name").fill("bob")
        await play.view.press("Save")
        await play.wants(SaveContact, call=1, node=BOB, name="bob")
        await play.view.shows("bob hung up.")
        assert await play.focused() == "ended-title"
        await play.view.press("Done")
        await play.wants(SeenEnd, call=1)
        await play.page.locator("#home").wait_for()


async def test_who_is_saved_elsewhere_after_a_call_is_offered_no_more() -> None:
    async with theatre(greeting(contacts=[], calls=[call(1, "ended", **MET)])) as play:
        await play.view.shows(SAVE_THEM_NOW)
        play.tell(Contacts(contacts=[contact("bob", BOB)]))
        await play.page.locator("#ended-save").wait_for(state="hidden")


async def test_who_was_in_a_call_that_is_over_is_offered_no_more_once_its_words_are_said_to_differ() -> None:
    async with theatre(greeting(contacts=[], calls=[call(1, "ended", **MET)])) as play:
        await play.view.shows(SAVE_THEM_NOW)
        play.tell(call(1, "ended", **MET, differed=True))
        await play.view.shows("The words didn't match, so someone may have listened in.")
        await play.page.locator("#ended-save").wait_for(state="hidden")


async def test_who_is_being_saved_from_the_log_is_shown_as_they_are_by_now() -> None:
    met = logged("Somebody you haven't saved", "hung-up", seconds=70, reference="00" * 8)
    compared = msgspec.structs.replace(met, compared=True)
    async with theatre(greeting(contacts=[], log=[compared])) as play:
        await play.page.locator("#log [title='Save them in your contacts']").click()
        await play.view.shows("You confirmed the four words")
        await play.page.locator("#add-name").fill("Ann")
        play.tell(Log(log=[met]))
        await play.view.shows("Its four words weren't confirmed")
        assert await play.page.locator("#add-name").input_value() == "Ann"
        play.tell(Log(log=[msgspec.structs.replace(met, contact="anna", reference="")]))
        await play.view.shows("They were saved as anna.")
        await play.page.locator("#add").wait_for(state="hidden")


async def test_whom_nobody_saved_is_offered_again_after_a_call_in_vain_and_not_after_one_that_connected() -> None:
    async with theatre(greeting(contacts=[])) as play:
        play.tell(call(1, "active", **MET), call(1, "ended", **MET))
        await play.view.press("Call again")
        unheard = {**STRANGER, "role": "caller", "sentence": "They didn't answer."}
        play.tell(call(2, "calling", **unheard))
        await play.page.locator("#outgoing").wait_for()
        play.tell(call(2, "ended", **unheard))
        await play.view.shows("They didn't answer.")
        await play.view.press("Done")
        await play.view.shows(SAVE_THEM_NOW)
        later = {"connected_at": NOW + 60}
        play.tell(call(3, "active", **later), call(3, "ended", **later, sentence="anna hung up."))
        await play.view.shows("anna hung up.")
        await play.view.press("Done")
        await play.page.locator("#home").wait_for()


async def test_a_stranger_whose_call_ends_beside_one_on_hold_can_be_saved_before_one_goes_back() -> None:
    held = call(1, "active", on_hold=True, connected_at=NOW - 60)
    async with theatre(greeting(contacts=[], calls=[held, call(2, "active", **MET)])) as play:
        play.tell(call(2, "ended", **MET))
        await play.view.shows(SAVE_THEM_NOW)
        await play.can_be_used()
        await play.view.press("Done")
        await play.view.shows("anna is on hold")


async def test_a_contact_who_was_called_in_vain_can_still_be_left_a_message() -> None:
    async with theatre(greeting(calls=[call(1, "ended", **UNHEARD)])) as play:
        await play.view.shows("Leave a voice message")
        await play.view.press("Done")
        await play.wants(SeenEnd, call=1)


async def test_that_the_words_differed_is_said_again() -> None:
    async with theatre(greeting(contacts=[], calls=[call(1, "ended", **MET, differed=True)])) as play:
        await play.view.shows("The words didn't match, so someone may have listened in.")
        assert not await play.page.locator("#ended-save").is_visible()


async def test_recordings_stand_on_the_page_of_the_call_that_is_over() -> None:
    made = [Recorded(7, "/home/me/anna.webm")]
    async with theatre(greeting(calls=[call(1, "active", recorded=made)])) as play:
        play.tell(call(1, "ended", recorded=made))
        await play.view.shows("Recorded in this call")
        await play.view.shows("/home/me/anna.webm")


async def test_what_the_other_side_said_of_a_call_that_waits_is_said_again() -> None:
    waits = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
    note = Said(call=1, kind=Kind.REMOTE_RINGS, sentence="It is ringing at anna's.")
    calling = greeting(calls=[call(1, "calling", role="caller")], links=[waits], notes=[note])
    async with theatre(calling) as play:
        await play.view.shows("It is ringing at anna's.")
        await play.can_be_used()


async def test_what_was_read_beside_a_call_is_not_new_after_the_connection_was_lost() -> None:
    first = Text(call=1, ours=False, text="hello", at=NOW)
    active = {"calls": [call(1, "active", remote=sends())], "texts": [first]}
    async with theatre(greeting(**active)) as play:
        await play.view.press("Write, 1 unread")
        await play.page.locator("#texts").get_by_text("hello").wait_for()
        await play.page.keyboard.press("Escape")
        second = Text(call=1, ours=False, text="are you there?", at=NOW + 1)
        await connects_again(play, greeting(**{**active, "texts": [first, second]}))
        await play.page.get_by_role("button", name="Write, 1 unread").wait_for()


async def test_a_file_that_the_program_did_not_get_whole_is_said_not_to_be_sent() -> None:
    active = greeting(calls=[call(1, "active", remote=sends())])
    async with theatre(active) as play:
        play.script.slow = True
        await play.page.locator("#stage").wait_for()
        big = {"name": "b.bin", "mimeType": "text/plain", "buffer": b"b" * 5_000_000}
        async with play.page.expect_file_chooser() as choosing:
            await play.view.click(play.page.locator("#c-file"))
        await (await choosing.value).set_files(big)
        await play.wants(SendFile, call=1, name="b.bin")
        await connects_again(play, active)
        await play.view.shows("b.bin wasn't sent: the connection to Copybara was interrupted. Send it again.")
        await play.page.locator("#files").wait_for(state="hidden")
        await play.can_be_used()


async def test_a_device_that_is_being_added_is_found_again() -> None:
    devices = Devices(devices=[], can_change=True, lan=False, adding=adding("tablet"))
    async with theatre(greeting(devices=devices)) as play:
        await play.view.shows("tablet waits until you have compared its code.")
        await play.can_be_used()
        await play.view.press("Show")
        await play.view.press("It shows the same code")
        await play.wants(ConfirmDevice, code="042917")
        play.tell(Devices(devices=[], can_change=True, lan=False, adding=None))
        await play.page.locator("#adding-notice").wait_for(state="hidden")


async def test_a_button_that_copies_has_its_words_again_however_often_it_was_pressed() -> None:
    waits = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
    async with theatre(greeting(calls=[call(1, "calling", role="caller")], links=[waits])) as play:
        await play.page.context.grant_permissions(["clipboard-write"])
        copies = play.page.locator("#outgoing-copy")
        for _ in range(2):
            await play.view.click(copies)
            await copies.get_by_text("Copied").wait_for()
        await copies.get_by_text("Copy link").wait_for()
