"""The page in the window of a phone, upright and sideways, used with a finger. axe-core checks each state."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Kind
from peer.handset.protocol import (
    Answer,
    AnswerFile,
    AnswerQuestion,
    Decline,
    Device,
    Devices,
    HangUp,
    PairingCode,
    Record,
    Resume,
    TakeHere,
)
from tests.browser.chromium import ONE_HEADLESS_SHELL, PHONE
from tests.browser.pictures import taken
from tests.browser.scripted import ANNA, BOB, NOW, Theatre, call, contact, greeting, logged, quality, sends, theatre
from tests.browser.test_page_conversation import CONVERSATION, QUESTION, STRANGER
from tests.browser.test_page_files import FILES, ROOM
from tests.browser.test_page_hold import ON_HOLD
from tests.browser.test_page_recording import BY_THEM
from tests.browser.test_page_told import BESIDE

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

WINDOWS = {"upright": PHONE, "sideways": {"width": PHONE["height"], "height": PHONE["width"]}}

FINGER = 44
"The least size in pixels that Apple and WCAG 2.2 (2.5.5) require of a target for a finger."

UNDER_A_FINGER = """
ids => ids.flatMap((id) => {
  const button = document.getElementById(id), at = button.getBoundingClientRect();
  const on = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
  const found = [];
  if (!button.contains(on)) found.push(`${id} is covered by ${on?.id || on?.className || "nothing in the window"}`);
  if (Math.min(at.width, at.height) < FINGER) found.push(`${id} is ${at.width} by ${at.height}`);
  return found;
})
""".replace("FINGER", str(FINGER))


WORDS_ON_A_LETTER = """[...document.querySelectorAll(".person")].filter((each) => {
  const [letter, words] = [".avatar", ".person-words"].map((part) => each.querySelector(part).getBoundingClientRect());
  return letter.height > 0 && words.top < letter.bottom;
}).length"""
"Of how many people in a conversation the words cover the letter that is shown instead of a picture."


async def in_both_windows(play: Theatre, name: str, *buttons: str) -> None:
    """Check a state upright and sideways, and take its pictures. A finger has to reach these buttons in both."""
    for window, size in WINDOWS.items():
        await play.page.set_viewport_size(size)
        await play.can_be_used()
        if buttons:
            assert await play.page.evaluate(UNDER_A_FINGER, [*buttons]) == []
        await taken(play.page, f"phone-{name}-{window}")
    await play.page.set_viewport_size(WINDOWS["upright"])


async def test_the_start_page_fits() -> None:
    log = [logged("anna", "hung-up", contact="anna", role="caller", seconds=754), logged("bob", "missed", node=BOB)]
    async with theatre(greeting(log=log), phone=True) as play:
        await play.view.shows("Recent calls")
        await in_both_windows(play, "start")


@pytest.mark.parametrize("media", ["video", "audio"])
async def test_a_call_that_rings_is_answered_with_a_finger(media: str) -> None:
    async with theatre(phone=True) as play:
        play.tell(call(1, "ringing"), call(2, "ringing", name="bob", contact="bob", node=BOB))
        await play.view.shows("bob is also calling")
        await play.view.can_be_pressed("answer-video", "answer-audio")
        await in_both_windows(play, "incoming", "answer-video", "answer-audio", "decline")
        await play.view.can_be_pressed("answer-video", "answer-audio")
        await play.page.locator(f"#answer-{media}").tap()
        await play.wants(Answer, call=1, media=media)


async def test_a_call_is_declined_with_a_finger() -> None:
    async with theatre(phone=True) as play:
        play.tell(call(1, "ringing"))
        await play.view.shows("anna")
        await play.page.locator("#decline").tap()
        await play.wants(Decline, call=1)


async def test_in_a_call_what_is_needed_is_under_a_finger() -> None:
    async with theatre(phone=True) as play:
        play.tell(call(1, "active", remote=sends()), quality(1))
        await play.until("document.getElementById('own-video').videoWidth > 0")
        await in_both_windows(play, "call", "c-mic", "c-camera", "c-chat", "c-more", "c-hangup")
        await play.page.locator("#c-mic").tap()
        await play.page.locator("#c-mic", has_text="Unmute").wait_for()
        await play.page.locator("#c-hangup").tap()
        await play.wants(HangUp, call=1)


async def test_a_call_that_was_answered_elsewhere_is_taken_with_a_finger() -> None:
    async with theatre(greeting(calls=[call(1, "active", handset=False, elsewhere="laptop")]), phone=True) as play:
        await play.view.shows("This call is on your other device, laptop.")
        await in_both_windows(play, "elsewhere", "take-here", "c-hangup")
        await play.view.can_be_pressed("take-here")
        await play.page.locator("#take-here").tap()
        await play.wants(TakeHere, call=1)


async def test_a_phone_shows_the_code_while_it_is_added() -> None:
    async with theatre(phone=True) as play:
        play.tell(PairingCode(name="phone", code="042917"))
        await play.view.shows("042 917")
        await in_both_windows(play, "pairing")


async def test_the_settings_fit() -> None:
    async with theatre(phone=True) as play:
        await play.page.locator("#open-settings").tap()
        await play.until("document.getElementById('settings-video').videoWidth > 0")
        await in_both_windows(play, "settings")
        await play.page.locator("#media-keys-on").evaluate("switched => switched.scrollIntoView({block: 'end'})")
        await in_both_windows(play, "settings-below")


async def test_a_phone_lists_the_devices_and_changes_none() -> None:
    here = Device(name="phone", words="201:7e10:94f2:5cc8::9, connected now", here=True)
    laptop = Device(name="laptop", words="202:51aa:13c0:8d4f::2, last seen yesterday", here=False)
    async with theatre(
        greeting(devices=Devices(devices=[here, laptop], adding=None, can_change=False, lan=False)), phone=True
    ) as play:
        await play.page.locator("#open-settings").tap()
        await play.view.press("My devices")
        await play.view.shows("202:51aa:13c0:8d4f::2, last seen yesterday")
        assert not await play.page.locator("#add-device-name").is_visible()
        await in_both_windows(play, "devices")


async def test_a_call_on_hold_is_taken_off_with_a_finger() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD)]), phone=True) as play:
        await play.view.shows("anna is on hold")
        await in_both_windows(play, "on-hold", "held-resume", "c-hangup")
        await play.page.locator("#held-resume").tap()
        await play.wants(Resume, call=1)


async def test_of_two_calls_the_other_one_is_one_touch_away() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD), call(2, "active", **BESIDE)]), phone=True) as play:
        await play.view.shows("anna is on hold.")
        await in_both_windows(play, "two-calls", "c-hangup")
        await play.page.get_by_role("button", name="Swap to anna").tap()
        await play.wants(Resume, call=1)


async def test_a_file_is_accepted_with_a_finger() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends())]), phone=True) as play:
        play.tell(*FILES)
        await play.view.says(Kind.FILE_OFFERED)
        await play.page.set_viewport_size(WINDOWS["upright"])
        cut, _ = await play.page.evaluate(ROOM)
        assert cut == 0
        await in_both_windows(play, "files", "c-mic", "c-hangup")
        await play.page.get_by_role("button", name="Accept", exact=True).tap()
        await play.wants(AnswerFile, file=1, accept=True)


async def test_a_headset_is_offered_in_a_call_and_covers_no_button() -> None:
    contacts = [contact("anna", ANNA)]
    async with theatre(greeting(contacts=contacts, log=[logged("anna", "missed", started=NOW)]), phone=True) as play:
        play.tell(call(1, "active", remote=sends()), quality(1))
        await play.until("document.getElementById('own-video').videoWidth > 0")
        await play.page.evaluate(PLUGGED_IN)
        await play.view.shows("New headset was plugged in.")
        await play.view.can_be_pressed("offer-use")
        await in_both_windows(play, "headset", "c-mic", "c-hangup")


async def test_the_question_about_a_conversation_is_answered_with_a_finger() -> None:
    async with theatre(greeting(calls=[call(1, "active", question=QUESTION, remote=sends())]), phone=True) as play:
        await play.view.says(Kind.CONVERSATION_ASKED)
        await in_both_windows(play, "join-question", "join-agree", "join-refuse", "c-hangup")
        await play.view.can_be_pressed("join-agree")
        await play.page.locator("#join-agree").tap()
        await play.wants(AnswerQuestion, call=1, agrees=True)


async def test_three_others_fit_and_what_ends_it_stays_under_a_finger() -> None:
    people: tuple[dict[str, Any], ...] = ({}, BESIDE, STRANGER | {"paired": True})
    calls = [call(at, "active", conversation=CONVERSATION, **who) for at, who in enumerate(people, 1)]
    async with theatre(greeting(calls=calls), phone=True) as play:
        await play.view.shows("“carl”, not in your contacts")
        await in_both_windows(play, "conversation", "c-mic", "c-camera", "c-hangup")
        for size in WINDOWS.values():
            await play.page.set_viewport_size(size)
            assert await play.page.evaluate(WORDS_ON_A_LETTER) == 0
        await play.page.set_viewport_size(WINDOWS["upright"])
        await play.page.get_by_role("button", name="Show bob large").tap()
        await play.until("document.getElementById('stage-name').textContent.startsWith('bob')")


async def test_who_is_recorded_refuses_with_a_finger() -> None:
    async with theatre(greeting(calls=[call(1, "active", **BY_THEM)]), phone=True) as play:
        await play.view.shows("anna is recording this call.")
        await in_both_windows(play, "recorded", "recording-refuse", "c-hangup")
        await play.view.can_be_pressed("recording-refuse")
        await play.page.locator("#recording-refuse").tap()
        await play.wants(Record, call=1, what="refuse")


PLUGGED_IN = """
(() => {
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => [
    ...(await list()), { kind: "audioinput", deviceId: "new", groupId: "new", label: "New headset" },
  ];
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
})()
"""
