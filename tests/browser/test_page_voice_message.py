"""Voice messages at the page, tested by a script: recorded after a call without an answer, and played on arrival."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bot.kinds import Kind
from peer.handset.protocol import File, HangUp, Hello, LeaveVoice, Said, ShowLink
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import ANNA, BOB, REPORT, Theatre, call, everywhere, greeting, link, theatre
from tests.browser.test_page_hold import ON_HOLD
from tests.browser.test_page_layout_and_words import LONG
from tests.browser.test_page_told import BESIDE
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, sine

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

UNHEARD = {
    "role": "caller",
    "connected_at": None,
    "sentence": "anna didn't answer. The link has expired.",
    "report": msgspec.structs.replace(REPORT, state="ended", reason="no-answer", role="caller"),
}


@contextlib.asynccontextmanager
async def recording(play: Theatre) -> AsyncIterator[None]:
    """Record a message after a call without an answer. When the block ends, the page has no message to ask about."""
    play.tell(call(1, "ended", **UNHEARD))
    await play.view.shows("Leave a voice message")
    await play.view.click(play.page.locator("#voice-record"))
    # The browser's fake microphone beeps. One second of beeps is more than the name of a file.
    await play.until("/0:0[1-9]/.test(document.getElementById('voice-time').textContent)")
    yield
    await play.until("document.getElementById('voice').hidden")


def unheard() -> Hello:
    """A greeting with a call to somebody who won't answer."""
    return greeting(calls=[call(1, "calling", **UNHEARD)])


async def test_after_a_call_that_nobody_answered_a_message_is_recorded_heard_and_sent() -> None:
    async with theatre(unheard()) as play:
        play.tell(call(1, "ended", **UNHEARD))
        await play.view.shows("Leave a voice message")
        await everywhere(play, "voice-offered")
        async with recording(play):
            await play.can_be_used()
            await play.view.press("Stop")
            await play.view.shows("Not kept yet. anna gets it in your next call with each other.")
            await play.can_be_used()
            await play.view.press("Listen")
            await play.until("document.getElementById('voice-sound').currentTime > 0")
            await play.view.press("Keep for anna")
            wanted = await play.wants(LeaveVoice, call=1, node=ANNA, form="webm")
            assert isinstance(wanted, LeaveVoice)
            # The page says that the message is kept once the program has it, and not before.
            await play.view.shows("Keeping it …")
            await play.until("document.querySelector('#voice-time').checkVisibility()")
            play.tell(Said(call=1, kind=Kind.MESSAGE_KEPT, sentence="Your voice message for anna waits here."))
        await play.view.shows("Your voice message for anna waits here.")
        sent = b"".join(piece[4:] for piece in play.script.pieces)
        assert (len(sent), sent[:4]) == (wanted.size, bytes.fromhex("1a45dfa3")), "the beginning of WebM"


async def test_a_message_is_left_while_the_call_waits_and_the_call_goes_on_waiting() -> None:
    waits = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
    async with theatre(greeting(calls=[call(1, "calling", **UNHEARD)], links=[waits])) as play:
        await play.view.press("Leave a voice message")
        await play.view.shows("Your call goes on meanwhile. anna gets it once you are connected")
        await everywhere(play, "voice-while-calling")
        await play.view.press("Record")
        await play.until("/0:0[1-9]/.test(document.getElementById('voice-time').textContent)")
        await play.view.press("Stop")
        await play.until("document.activeElement.id === 'voice-send'")
        await play.view.press("Keep for anna")
        await play.wants(LeaveVoice, call=1, node=ANNA)
        play.tell(Said(call=1, kind=Kind.MESSAGE_KEPT, sentence="Your voice message for anna waits here."))
        await play.until("document.getElementById('voice').hidden")
        await play.view.shows("Send this to anna.")
        assert not await play.page.locator("#voice-offer").is_visible()
        assert not [each for each in play.script.heard_messages if isinstance(each, HangUp)]
        play.tell(call(1, "ended", **UNHEARD))
        await play.page.locator("#ended").wait_for()
        assert not await play.page.locator("#voice").is_visible()


async def test_what_is_being_recorded_goes_on_when_the_call_ends_meanwhile() -> None:
    async with theatre(unheard()) as play:
        await play.view.press("Leave a voice message")
        await play.view.press("Record")
        await play.view.shows("Recording.")
        play.tell(call(1, "ended", **UNHEARD))
        await play.page.locator("#ended #voice-stop").wait_for()
        await play.until("document.activeElement.id === 'voice-stop'")
        await play.view.press("Stop")
        await play.view.shows("Not kept yet.")
        await play.view.press("Discard")


async def test_a_message_that_is_not_sent_is_asked_about_once_before_it_is_lost() -> None:
    async with theatre(unheard()) as play, recording(play):
        await play.view.press("Done")
        await play.view.shows("It isn't kept yet. Keep it, or discard it.")
        await play.can_be_used()
        await play.view.press("Discard and close")
        await play.until("document.getElementById('home').checkVisibility()")
        assert not [each for each in play.script.heard_messages if isinstance(each, LeaveVoice)]


async def test_a_message_outlives_another_call_and_a_program_that_refuses_it() -> None:
    async with theatre(unheard()) as play, recording(play):
        other = {"name": "bob", "contact": "bob", "node": BOB}
        play.tell(call(2, "active", **other))
        await play.page.locator("#stage-name").wait_for()
        play.tell(call(2, "ended", **other))
        await play.view.press("Done")
        await play.view.shows("Not kept yet.")
        play.script.problems[LeaveVoice] = ("Too many messages wait for anna.", "")
        await play.view.press("Keep for anna")
        await play.view.shows("Too many messages wait for anna.")
        await play.view.shows("Not kept yet.")
        await play.view.press("Discard")


async def test_who_is_called_in_vain_beside_a_call_on_hold_can_be_left_a_message_before_one_goes_back() -> None:
    held = call(1, "active", **ON_HOLD)
    unheard = {**BESIDE, **UNHEARD}
    async with theatre(greeting(calls=[held, call(2, "calling", **unheard)])) as play:
        play.tell(call(2, "ended", **{**unheard, "sentence": "No answer from bob."}))
        await play.view.shows("No answer from bob.")
        await play.view.shows("Leave a voice message")
        await play.can_be_used()
        await play.view.press("Done")
        await play.view.shows("anna is on hold")
        # A person who was reached needs no message any more. The call on hold is the next one.
        play.tell(call(3, "active", **BESIDE))
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        play.tell(call(3, "ended", **BESIDE))
        await play.view.shows("anna is on hold")


async def test_a_message_that_has_come_is_played(tmp_path: Path) -> None:
    sound = make_wave(tmp_path / "voice message.wav", sine(440, 3 * SAMPLE_RATE))
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.script.address = play.pages.downloads.offer(sound)
        play.tell(
            File(
                call=1,
                file=1,
                ours=False,
                name=sound.name,
                size=sound.stat().st_size,
                state="done",
                done=sound.stat().st_size,
                kind=Kind.MESSAGE_RECEIVED,
                sentence=f"anna left you a voice message: {sound}",
                voice=True,
                path=str(sound),
            )
        )
        await play.view.shows("anna left you a voice message")
        await play.can_be_used()
        await play.page.get_by_role("button", name="Play").click()
        await play.until("(document.querySelector('#files audio')?.currentTime ?? 0) > 0")
        await play.can_be_used()


async def test_a_long_name_pushes_no_button_of_a_message_off_a_small_phone() -> None:
    who = UNHEARD | {"name": LONG, "contact": LONG}
    async with theatre(greeting(calls=[call(1, "calling", **who)])) as play:
        await play.page.set_viewport_size({"width": 320, "height": 568})
        play.tell(call(1, "ended", **who))
        await play.view.click(play.page.locator("#voice-record"))
        await play.until("/0:0[1-9]/.test(document.getElementById('voice-time').textContent)")
        await play.view.press("Stop")
        await play.view.shows(f"Keep for {LONG}")
        await play.can_be_used()
        await play.view.press("Discard")
