"""What a call is controlled with stays in reach, whatever panel or dialog is open and however narrow the window is."""

from __future__ import annotations

import pytest

from bot.kinds import Kind
from peer.handset.protocol import AnsweredAlone, Block, ConfirmWords, Devices, HangUp, Text, ToPage
from tests.browser.chromium import ONE_HEADLESS_SHELL, PATIENCE, until
from tests.browser.scripted import ANNA, NOW, Theatre, call, contact, greeting, quality, sends, theatre
from tests.browser.test_page_conversation import QUESTION
from tests.browser.test_page_files import FILES
from tests.browser.test_page_hold import ON_HOLD
from tests.browser.test_page_recording import BY_THEM
from tests.browser.test_page_told import BESIDE

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

WINDOWS = [(390, 844), (320, 568), (700, 900), (700, 500), (844, 390), (320, 256), (1280, 720)]
"The last but one is 1280x1024 at 400 %. In those that are lower than 480 pixels the page scrolls."

CONTROLS = ("c-mic", "c-camera", "c-chat", "c-about", "c-hangup")

COVERED = """([selectors, scrolls]) => selectors.flatMap((selector) => {
  const found = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
  if (!found.length) return [`${selector} isn't there`];
  return found.flatMap((each) => {
    if (scrolls) each.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = each.getBoundingClientRect();
    const on = document.elementFromPoint(x + width / 2, y + height / 2);
    if (on && each.contains(on)) return [];
    return [`${selector} is covered by ${on?.id || on?.className || "nothing in the window"}`];
  });
})"""
"Which of these have something else at their middle, or are outside the window."

BESIDE_EACH_OTHER = """[".stage-top", "#pictures", ".controls"].filter((selector) => {
  const { left, right } = document.querySelector(selector).getBoundingClientRect();
  const panel = document.getElementById("panel").getBoundingClientRect();
  const edge = innerWidth > 760 && panel.width ? panel.left : innerWidth;
  return left > 16 || right < edge - 16;
})"""
"What doesn't take the whole width that the panel leaves, on a wide window, or all of a narrow one."

DEAF = """() => [...document.querySelectorAll("[data-settles]")].filter((each) => {
  const { x, y, width, height } = each.getBoundingClientRect();
  const on = document.elementFromPoint(x + width / 2, y + height / 2);
  return on && each.contains(on) && !each.disabled && !each.hasAttribute("data-settled");
}).map((each) => each.id || each.textContent)"""
"The buttons that can be seen and don't hear yet. One whose edge is covered never does."

STATES: dict[str, list[ToPage]] = {
    "nothing else": [call(1, "active", remote=sends())],
    "a first call": [call(1, "active", paired=False, contact=None, trust="stranger")],
    "an automatic answer": [
        AnsweredAlone(
            call=1,
            by="us",
            kind=Kind.ANSWERED_AUTOMATICALLY,
            sentence="anna's call was answered automatically. Your microphone and camera are on, and anna hears you.",
            chime=False,
        )
    ],
    "being recorded": [call(1, "active", **BY_THEM)],
    "a question": [call(1, "active", question=QUESTION)],
    "files": [*FILES],
    "lines": [Text(call=1, ours=number % 2 == 0, text=f"Line {number}", at=NOW + number) for number in range(40)],
    "reconnecting": [call(1, "reconnecting")],
    "on hold": [call(1, "active", **ON_HOLD)],
    "another that rings": [call(2, "ringing", **BESIDE)],
    "another on hold": [call(2, "active", **(ON_HOLD | BESIDE))],
}

STRANGER = {"contact": None, "name": "Somebody you haven't saved", "trust": "stranger"}

UNPROVEN = {"trust": "unproven", "proven": False}

WORDS = ["#words-done", "#words-differ"]

ASKS: dict[str, tuple[list[ToPage], list[str]]] = {
    "the words of a stranger": ([call(1, "active", paired=False, **STRANGER)], WORDS),
    "the words of a call without the key": ([call(1, "active", paired=False, **UNPROVEN)], WORDS),
    "a question": (STATES["a question"], ["#join-agree", "#join-refuse"]),
    "being recorded": (STATES["being recorded"], ["#recording-refuse"]),
    "a file": ([*FILES[:1]], ["[data-hold='yes 1']", "[data-hold='no 1']"]),
}
"What asks for an answer, and its buttons."

ALSO = {
    "another that rings": ["#beside-decline", "#beside-hold"],
    "another on hold": ["#others button"],
}
"What has to be in reach, too."


PANELS = {
    "": (),
    "c-about": ("#panel-close",),
    "c-chat": ("#panel-close", "#write", "#write-form [type=submit]"),
}
"By the button that opens each, what has to be in reach in it, too."


async def reachable(play: Theatre, *selectors: str, scrolls: bool = False) -> None:
    """Each of these can be pressed; `scrolls`: once it was scrolled to."""
    found: list[str] = []

    async def look() -> bool:
        found[:] = await play.page.evaluate(COVERED, [[*selectors], scrolls])
        return not found

    await until(look, "everything to be in reach", lambda: ", ".join(found), seconds=PATIENCE / 4)


async def toggle(play: Theatre, button: str, state: str) -> None:
    """Open or close the panel of that button."""
    if button:
        await play.page.evaluate(f"document.getElementById('{button}').click()")
        await play.page.locator("#panel").wait_for(state=state)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: f"{window[0]}x{window[1]}")
async def test_no_panel_covers_what_a_call_is_controlled_with(window: tuple[int, int]) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": window[0], "height": window[1]})
        for state, messages in STATES.items():
            play.tell(call(1, "active"), call(2, "ended", **BESIDE), *messages)
            await play.page.locator("#stage-name").wait_for()
            wanted = [f"#{each}" for each in CONTROLS] + ALSO.get(state, [])
            for button, inside in PANELS.items():
                await toggle(play, button, "visible")
                assert await play.page.evaluate(BESIDE_EACH_OTHER) == [], f"{state}, {button or 'no panel'}"
                try:
                    await reachable(play, *wanted, *inside, scrolls=window[1] < 480)
                except AssertionError as error:
                    raise AssertionError(f"{state}, {button or 'no panel'}: {error}") from None
                await toggle(play, button, "hidden")


async def hears(play: Theatre, where: str) -> None:
    """Each button that can be seen can be pressed within a moment."""

    deaf: list[str] = []

    async def all_hear() -> bool:
        deaf[:] = await play.page.evaluate(DEAF)
        return not deaf

    await until(all_hear, f"every button to hear: {where}", lambda: ", ".join(deaf), seconds=PATIENCE / 4)


@pytest.mark.parametrize("window", [(390, 844), (1280, 720)])
async def test_every_button_of_a_call_that_is_seen_hears_within_a_moment(window: tuple[int, int]) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": window[0], "height": window[1]})
        for state, messages in STATES.items():
            play.tell(call(1, "active"), call(2, "ended", **BESIDE), *messages)
            await play.page.locator("#stage-name").wait_for()
            for button in PANELS:
                await toggle(play, button, "visible")
                await hears(play, f"{state}, {button or 'no panel'}")
                await toggle(play, button, "hidden")
            await play.page.evaluate("document.getElementById('c-more').click()")
            await play.page.locator("#more").wait_for()
            await hears(play, f"{state}, More")
            await play.page.locator("#more [data-close]").click()


@pytest.mark.parametrize("window", [(320, 568), (390, 844), (1280, 720)])
async def test_the_words_are_confirmed_or_rejected_beside_what_is_known_of_the_call(window: tuple[int, int]) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": window[0], "height": window[1]})
        play.tell(call(1, "active", paired=False))
        await play.view.press("About")
        for button, wanted in (("match", ConfirmWords), ("differ", HangUp)):
            await play.page.locator(f"#about-{button}").scroll_into_view_if_needed()
            await reachable(play, f"#about-{button}", "#c-mic", "#c-hangup")
            await play.can_be_used()
            await play.view.click(play.page.locator(f"#about-{button}"))
            await play.wants(wanted, call=1)
            if button == "match":
                assert await play.focused() == "panel-title"
        play.tell(call(1, "active", paired=False, compared=True))
        await play.view.shows("You confirmed them.")
        for button in ("match", "differ"):
            assert not await play.page.locator(f"#about-{button}").is_visible()


@pytest.mark.parametrize("window", [(320, 568), (360, 640), (390, 844), (1280, 720)])
async def test_what_asks_for_an_answer_is_seen_with_its_buttons_beside_a_line_that_is_written(
    window: tuple[int, int],
) -> None:
    book = [contact("anna", ANNA, waits="1 voice message waits")]
    async with theatre(greeting(contacts=book, calls=[call(1, "active")])) as play:
        await play.page.set_viewport_size({"width": window[0], "height": window[1]})
        play.tell(*(Text(call=1, ours=False, text=f"Line {number}", at=NOW + number) for number in range(9)))
        await toggle(play, "c-chat", "visible")
        for state, (messages, buttons) in ASKS.items():
            play.tell(call(1, "active"), quality(1), *messages)
            try:
                await reachable(play, *buttons, "#texts li:last-child", "#write", "#c-mic", "#c-hangup")
            except AssertionError as error:
                raise AssertionError(f"{state}: {error}") from None
            await hears(play, state)
        # All of it is said to somebody who listens.
        play.tell(*ASKS["the words of a stranger"][0])
        await play.page.locator("#words").wait_for()
        assert "someone is between you" in await play.page.locator("#words-text").text_content()


@pytest.mark.parametrize("window", [(320, 568), (390, 844), (844, 390), (1280, 720)])
async def test_every_dialog_of_a_call_is_left_with_one_press_however_far_one_has_scrolled(
    window: tuple[int, int],
) -> None:
    async with theatre(greeting(devices=Devices(devices=[], adding=None, can_change=True, lan=False))) as play:
        await play.page.set_viewport_size({"width": window[0], "height": window[1]})
        play.tell(call(1, "active"))
        for name, opener in (("more", "c-more"), ("settings", "c-devices"), ("own-devices", "open-own-devices")):
            await play.page.evaluate(f"document.getElementById('{opener}').click()")
            dialog = play.page.locator(f"#{name}")
            await dialog.wait_for()
            await dialog.evaluate("dialog => dialog.scrollTo(0, dialog.scrollHeight)")
            await reachable(play, f"#{name} [data-close][aria-label]")
            await play.can_be_used()
            await play.page.keyboard.press("Escape")
            await dialog.wait_for(state="hidden")
        await reachable(play, "#c-mic", "#c-hangup")


async def test_on_a_small_phone_every_answer_to_a_call_and_the_question_before_a_block_are_seen() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 320, "height": 568})
        play.tell(call(1, "ringing", **STRANGER, trust_words="If you don't know who this is, don't answer."))
        await reachable(play, "#decline", "#answer-audio", "#answer-video", "#silence", "#block")
        await play.page.get_by_text("Who could it be?").click()
        await reachable(play, "#decline", "#answer-audio", "#answer-video")
        await play.page.get_by_text("Who could it be?").click()
        await play.view.press("Block")
        await reachable(play, "#block-text", "#block-no", "#block-form [type=submit]")
        assert await play.focused() == "block-no"
        await play.view.press("Back")
        assert await play.focused() == "block"
        await play.view.press("Block")
        await play.view.click(play.page.locator("#block-form [type=submit]"))
        await play.wants(Block, call=1)


async def test_on_a_small_phone_what_lies_over_the_picture_is_scrolled_and_never_cut_off() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 320, "height": 568})
        play.tell(call(1, "active", **(ON_HOLD | STRANGER), paired=False), *FILES)
        await play.page.locator("#held").wait_for()
        await reachable(play, "#held-title", "#held-text", "#held-resume", "#held-aside", scrolls=True)


async def test_the_menu_of_a_call_is_left_by_a_tap_beside_it() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 390, "height": 844})
        play.tell(call(1, "active"))
        await play.view.press("More")
        await play.page.locator("#more").wait_for()
        await play.page.mouse.click(195, 20)
        await play.page.locator("#more").wait_for(state="hidden")
        assert await play.focused() == "c-more"
