"""Hold at the page: a script tests what the page shows, asks for and plays; one test runs three programs.

Two of the three programs have a browser. axe-core checks every state. With COPYBARA_WRITE_DOCS=1 (`make docs`) the
pictures of these states are written again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.handset.protocol import Answer, HangUp, Hold, Place, Resume
from tests.browser.chromium import ONE_HEADLESS_SHELL
from tests.browser.people import a_call_on_hold_for_another, both_ways
from tests.browser.scripted import call, everywhere, greeting, quality, theatre
from tests.browser.test_media_keys import press, titled, wanted, with_keys
from tests.browser.test_page_told import BESIDE, TONES

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

ON_HOLD = {
    "kind": Kind.ON_HOLD,
    "sentence": "anna is on hold: your microphone and camera are off, and you don't hear anna.",
    "on_hold": True,
}

HELD = {
    "kind": Kind.HELD,
    "sentence": "anna put you on hold. Until they are back they don't hear or see you.",
    "remote_on_hold": True,
}


async def test_the_owner_puts_a_call_on_hold_and_takes_it_off_and_the_microphone_is_off_meanwhile() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(quality(1))
        await play.view.press("Hold")
        await play.wants(Hold, call=1)
        play.tell(call(1, "active", **ON_HOLD))
        await play.view.shows("anna is on hold")
        await play.until("document.getElementById('c-mic').disabled")
        assert await play.page.evaluate("document.getElementById('own-video').srcObject") is None
        await everywhere(play, "on-hold")
        await play.view.press("Resume")
        await play.wants(Resume, call=1)
        play.tell(call(1, "active"))
        await play.until("document.getElementById('held').hidden")
        await play.until("!document.getElementById('c-mic').disabled")


async def test_what_cannot_be_used_on_hold_is_dimmed_once_and_alike() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD)])) as play:
        await play.until("document.getElementById('c-mic').disabled")
        seen = """['mic', 'camera', 'screen', 'hold'].map((name) => {
          let all = 1;
          for (let at = document.querySelector(`#c-${name} svg`); at; at = at.parentElement) {
            all *= getComputedStyle(at).opacity;
          }
          return all;
        })"""
        await play.page.wait_for_timeout(1_000)  # it would look deaf by then
        assert await play.page.evaluate(seen) == [0.45] * 4


async def test_what_is_taken_off_hold_where_others_can_write_has_no_microphone_before_it_is_switched_on_here() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.until("document.getElementById('own-video').videoWidth > 0")
        for _ in range(2):
            await play.page.keyboard.press("m")
        await play.page.locator("#c-mic", has_text="Mute").wait_for()
        play.tell(call(1, "active", **ON_HOLD))
        await play.view.shows("anna is on hold")
        play.tell(call(1, "active", begins_off=True))
        await play.view.shows("Turn them on here.")
        await play.page.locator("#c-mic", has_text="Unmute").wait_for()
        await play.page.locator("#c-camera", has_text="Camera on").wait_for()
        await play.can_be_used()
        await play.view.press("Unmute")
        await play.page.locator("#stage-devices").wait_for(state="hidden")
        # And so it stays when the program has heard of it.
        play.tell(call(1, "active", **ON_HOLD), call(1, "active"))
        await play.page.locator("#c-mic", has_text="Mute").wait_for()


async def test_the_side_that_is_held_sees_it_and_hears_a_quiet_tone_until_it_is_over() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.page.evaluate(TONES)
        play.tell(call(1, "active", **HELD))
        await play.view.shows("You are on hold")
        await play.view.shows("anna put you on hold.")
        await play.until("tones.includes(392)")
        assert not await play.page.locator("#held-resume").is_visible()
        await everywhere(play, "held")
        play.tell(call(1, "active"))
        await play.until("document.getElementById('held').hidden")


async def test_somebody_else_can_be_called_while_a_call_is_on_hold() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD)])) as play:
        await play.view.press("Call someone else")
        await play.view.shows("anna is on hold.")
        await everywhere(play, "hold-home")
        await play.view.place("bob")
        await play.wants(Place, whom="bob")
        await play.view.press("Back to the call")
        await play.view.shows("anna is on hold")
        play.tell(call(2, "active", **BESIDE))
        await play.view.shows("bob")
        await play.view.shows("anna is on hold.")
        await everywhere(play, "two-calls")
        await play.view.press("Swap to anna")
        await play.wants(Resume, call=1)


async def test_a_second_call_is_answered_and_the_first_one_held() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(call(2, "ringing", **BESIDE))
        await play.view.shows("is also calling (video)")
        await everywhere(play, "hold-and-answer")
        await play.view.press("Hold and answer")
        await play.wants(Answer, call=2, media="video", instead="hold")


async def test_beside_a_call_on_hold_another_is_simply_answered() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD)])) as play:
        play.tell(call(2, "ringing", **BESIDE))
        await play.view.shows("is also calling (video)")
        assert not await play.page.locator("#beside-hold").is_visible()
        await play.can_be_used()
        await play.page.locator("#beside-answer").get_by_text("Answer", exact=True).wait_for()
        await play.view.press("Answer")
        await play.wants(Answer, call=2, instead="")


async def test_hanging_up_as_the_other_side_does_leaves_the_call_on_hold() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD), call(2, "active", **BESIDE)])) as play:
        hang_up = play.page.locator("#c-hangup")
        await hang_up.wait_for()
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        # No time passes, so a press is meant for the call that was shown before.
        await play.page.evaluate(
            "window.clock = performance.now; performance.now = (now => () => now)(performance.now())"
        )
        play.tell(call(2, "ended", **BESIDE))
        await play.view.shows("anna is on hold")
        await play.page.keyboard.press("Shift+H")
        # The button looks disabled, and is disabled.
        await play.page.locator("#c-hangup[aria-disabled]").wait_for()
        await hang_up.click(force=True)
        await play.page.evaluate("performance.now = clock.bind(performance); dispatchEvent(new Event('focus'))")
        await play.until("document.getElementById('c-hangup').hasAttribute('data-settled')")
        assert not wanted(play, HangUp)
        await play.page.keyboard.press("Shift+H")
        await play.wants(HangUp, call=1)


async def test_a_button_that_goes_down_before_the_other_side_hangs_up_ends_no_other_call() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD), call(2, "active", **BESIDE)])) as play:
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        await play.page.locator("#c-hangup").hover()
        await play.page.mouse.down()
        play.tell(call(2, "ended", **BESIDE))
        await play.page.mouse.up()
        await play.view.shows("anna is on hold")
        assert HangUp(call=1) not in wanted(play, HangUp)


async def test_no_headsets_button_ends_a_call_on_hold_and_it_answers_the_one_that_rings() -> None:
    async with theatre(greeting(calls=[call(1, "active", **ON_HOLD)])) as play:
        await with_keys(play)
        await titled(play, "")
        play.tell(call(2, "ringing", **BESIDE))
        await titled(play, "bob is calling")
        await press(play, "play")
        await play.wants(Answer, call=2, media="audio")
        assert not wanted(play, HangUp)


async def test_three_people_two_of_them_at_pages_and_two_calls_of_one(tmp_path: Path) -> None:
    async with a_call_on_hold_for_another(tmp_path) as (anna, bob, carol_node):
        await anna.page.silent("audio")
        await bob.page.receives("audio", "video")
        assert (await bob.page.call("active"))["name"] == "carol"
        # Swap back to anna. Carol waits now.
        await bob.page.page.get_by_role("button", name="Swap to").click()
        await carol_node.told(kind=Kind.HELD)
        await both_ways(anna, bob)
        await bob.page.press("Hold")
        await anna.page.shows("You are on hold")
        await anna.page.silent("audio")
        await anna.page.silent("video")
        await bob.page.shows("Call someone else")
