"""Recordings at the page, tested by a script: the button, the red mark, the refusal and the tone.

axe-core checks every state.
"""

from __future__ import annotations

import pytest

from bot.kinds import Kind, Sentence
from peer.handset.protocol import Log, Received, Record, Recorded, Said, SaveFile
from peer.media.call_recordings import SIGNAL
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import call, everywhere, greeting, logged, theatre
from tests.browser.test_page_told import BESIDE, TONES

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

BY_THEM = {"remote_recording": "shown", "recording_words": "anna is recording this call."}
BY_US = {"recording": "on", "recording_words": "You are recording this call."}
REFUSED = Sentence(Kind.RECORDING_REFUSED, "anna has refused recording in this call.")


async def test_the_owner_records_and_sees_it_until_it_is_over() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.view.press("Record")
        await play.wants(Record, call=1, what="start")
        play.tell(call(1, "active", **BY_US))
        await play.view.shows("You are recording this call.")
        await everywhere(play, "recording")
        await play.view.press("Stop recording")
        await play.wants(Record, call=1, what="stop")
        play.tell(call(1, "active"))
        await play.until("document.getElementById('recording').hidden")
        play.tell(Said(call=1, kind=REFUSED.kind, sentence=REFUSED.sentence))
        await play.view.shows("anna has refused")
        path = "/home/me/anna.webm"
        play.tell(Said(call=1, kind=Kind.RECORDING_STOPPED, sentence="It is over.", path=path, recording=7))
        await play.page.locator(".toast").get_by_role("button", name="Copy path").click()
        await play.page.locator(".toast").get_by_role("button", name="Save a copy").click()
        await play.wants(SaveFile, file=7, recording=True)
        play.tell(call(1, "ended", recorded=[Recorded(7, path)]))
        await play.view.shows("Recorded in this call")
        made = play.page.locator("#ended-recordings")
        await made.get_by_text(path).wait_for()
        assert await play.page.locator(".toast").get_by_text("It is over.").count() == 0
        play.tell(Said(call=1, kind=Kind.RECORDING_STOPPED, sentence="It is over.", path=path, recording=7))
        play.tell(Said(call=1, kind=REFUSED.kind, sentence="Said after it."))
        await play.view.shows("Said after it.")
        assert await play.page.locator(".toast").get_by_text("It is over.").count() == 0
        await made.get_by_role("button", name="Save a copy").click()
        await play.wants(SaveFile, file=7, recording=True)
        await play.can_be_used()
        await play.view.press("Done")
        received = [Received(file=3, name="a.pdf", path="/home/me/files/a.pdf")]
        play.tell(Log(log=[logged("anna", "hung-up", received=received, recorded=[Recorded(7, path)])]))
        await play.page.get_by_text("Received a.pdf, 1 recording").click()
        await play.page.locator("#log [data-hold='save recording 7']").click()
        await play.wants(SaveFile, file=7, recording=True)
        await play.can_be_used()


async def test_a_test_call_says_why_it_cant_be_recorded() -> None:
    async with theatre(greeting(calls=[call(1, "active", echo=True)])) as play:
        record = play.page.locator("#c-record:disabled")
        await record.wait_for()
        assert await record.get_attribute("title") == "A test call isn't recorded: nobody else is in it."
        play.tell(call(1, "active"))
        await play.page.locator("#c-record:enabled[title^='Record the call']").wait_for()


async def test_what_the_answering_machine_has_taken_is_told_and_can_be_saved() -> None:
    path = "/home/me/recordings/anna.webm"
    async with theatre() as play:
        said = f"A message from anna is in {path}"
        play.tell(Said(call=1, kind=Kind.MESSAGE, sentence=said, path=path, recording=7))
        await play.view.shows(said)
        await play.page.locator(".toast").get_by_role("button", name="Save a copy").click()
        await play.wants(SaveFile, file=7, recording=True)


async def test_who_is_recorded_sees_a_red_mark_hears_a_tone_once_and_can_refuse() -> None:
    hertz = round(SIGNAL[0][0])
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.page.evaluate(TONES)
        play.tell(call(1, "active", **BY_THEM))
        await play.view.shows("anna is recording this call.")
        await play.until(f"tones.includes({hertz})")
        await everywhere(play, "recorded")
        play.tell(call(1, "reconnecting", **BY_THEM))
        play.tell(call(1, "active", **BY_THEM))
        await play.view.press("Refuse")
        await play.wants(Record, call=1, what="refuse")
        assert await play.page.evaluate(f"tones.filter((each) => each === {hertz}).length") == len(SIGNAL)
        play.tell(call(1, "active", remote_recording="refused"))
        await play.until("document.getElementById('recording').hidden")


async def test_in_a_conversation_it_is_said_who_of_the_others_isnt_recorded() -> None:
    together = {"conversation": "ab" * 16}
    bobs, annas = call(2, "active", **BESIDE, **together), call(1, "active", **together)
    async with theatre(greeting(calls=[call(1, "active", **BY_US)])) as play:
        await play.view.shows("You are recording this call.")
        # Bob joins. His program has heard of no recording, and no recording contains him.
        play.tell(call(1, "active", **together, **BY_US), bobs)
        await play.view.shows("You are recording anna, and not bob.")
        await everywhere(play, "recording-in-part")
        await play.view.press("Stop recording")
        await play.wants(Record, call=1, what="stop")
        assert Record(call=2, what="stop") not in play.script.heard_messages
        play.tell(annas)
        await play.view.press("Record")
        for number in (1, 2):
            await play.wants(Record, call=number, what="start")
        play.tell(call(1, "active", **together, **BY_US), call(2, "active", **BESIDE, **together, **BY_US))
        await play.view.shows("You are recording this call.")
        # Bob refuses the recording and makes one himself.
        play.tell(call(2, "active", **BESIDE, **together, **BY_THEM))
        await play.view.shows("anna is recording this call. You are recording anna, and not bob.")


async def test_in_a_conversation_everybody_who_records_is_shown_and_heard_and_refused() -> None:
    hertz = round(SIGNAL[0][0])
    together = {"conversation": "ab" * 16}
    by_bob = {"remote_recording": "shown", "recording_words": "bob is recording this call."}
    async with theatre(
        greeting(calls=[call(1, "active", **together), call(2, "active", **BESIDE, **together)])
    ) as play:
        await play.page.evaluate(TONES)
        play.tell(call(2, "active", **BESIDE, **together, **by_bob))
        await play.view.shows("bob is recording this call.")
        await play.until(f"tones.includes({hertz})")
        await play.until("document.querySelector('#people .person').innerText.includes('is recording')")
        play.tell(call(1, "active", **together, **BY_THEM))
        await play.view.shows("anna is recording this call. So does bob.")
        await play.until(f"tones.filter((each) => each === {hertz}).length === {2 * len(SIGNAL)}")
        await play.can_be_used()
        await play.view.press("Refuse")
        await play.wants(Record, call=1, what="refuse")
        await play.wants(Record, call=2, what="refuse")
