"""What the page says while the browser waits or interrupts: an open question, a slow device, blocked sound."""

from __future__ import annotations

import msgspec
import pytest

from tests.browser.chromium import ONE_HEADLESS_SHELL, until
from tests.browser.scripted import ANNA, call, contact, greeting, theatre
from tests.browser.test_page_layout_and_words import LONG, REACHABLE

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

UNANSWERED = """
(() => {
  // The browser's question stays open until the test answers it; `allowed` is what it says of the permission meanwhile.
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.answer = null;
  const answered = new Promise((done) => { window.answer = done; });
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (await answered === "no") throw new DOMException("no", "NotAllowedError");
    return native(wanted);
  };
  navigator.permissions.query = async () => Object.assign(new EventTarget(), { state: window.allowed });
})()
"""


@pytest.mark.parametrize(
    ("allowed", "answer", "said", "then"),
    [
        ("prompt", "yes", "The browser asks whether this page may use microphone and camera.", ""),
        ("prompt", "no", "The browser asks whether this page may use microphone and camera.", "doesn't let this page"),
        ("granted", "yes", "Microphone and camera take long to start.", ""),
    ],
)
async def test_a_device_that_the_browser_holds_back_is_said_until_it_is_there(
    allowed: str, answer: str, said: str, then: str
) -> None:
    async with theatre() as play:
        await play.page.evaluate(UNANSWERED)
        await play.page.evaluate(f"allowed = '{allowed}'")
        play.tell(call(1, "active"))
        notice = play.page.locator("#stage-devices")
        await notice.get_by_text(said).wait_for()
        assert await play.page.locator("#c-mic").inner_text() == "Unmute"
        await play.page.evaluate(f"answer('{answer}')")
        if then:
            await notice.get_by_text(then).wait_for()
        else:
            await notice.wait_for(state="hidden")
            await play.until("document.getElementById('own-video').videoWidth > 0")


async def test_sound_that_the_browser_interrupts_goes_on_and_that_is_said() -> None:
    async with theatre() as play:
        play.tell(call(1, "active"))
        await play.view.shows("Hang up")
        await play.page.evaluate(
            """(() => {
              const audio = new AudioContext();
              const arrives = audio.createMediaStreamDestination();
              audio.createOscillator().connect(arrives);
              window.track = arrives.stream.getAudioTracks()[0];
            })()"""
        )
        await play.page.evaluate(
            """import("./playback.js").then(({ Playback }) => {
              window.told = [];
              const playback = new Playback();
              playback.addEventListener("told", ({ detail }) => told.push(detail));
              window.element = document.body.appendChild(document.createElement("audio"));
              playback.attach(element, track);
            })"""
        )
        await play.until("window.element && !element.paused")
        await play.page.evaluate("element.pause()")
        await play.until("told.length === 1 && told[0].includes('had interrupted the sound')")
        await play.until("window.element && !element.paused")


RINGS = """async (call) => {
  const { Calls } = await import("/calls.js");
  const program = Object.assign(new EventTarget(), { send: () => {} });
  const calls = new Calls(program);
  const tell = (type, detail) => program.dispatchEvent(new CustomEvent(type, { detail }));
  const all = [...Array(300).keys()];
  tell("call", { ...call, id: 1000, state: "active", handset: false });
  for (const id of all) {
    tell("call", { ...call, id, state: "ringing" });
    tell("link", { call: id, kind: "link.call" });
    tell("call", { ...call, id, state: "ended" });
  }
  return { kept: all.filter((id) => calls.name(id)), links: [...calls.links.keys()], up: calls.current.id };
}"""


async def test_a_page_that_stays_open_keeps_the_last_calls_however_often_somebody_calls() -> None:
    async with theatre() as play:
        rung = await play.page.evaluate(RINGS, msgspec.to_builtins(call(1, "ringing")))
        last = list(range(200, 300))
        assert rung == {"kept": last, "links": last, "up": 1000}


INSIDE = """(id) => {
  const { left, right, top, bottom } = document.getElementById(id).getBoundingClientRect();
  return left >= 0 && right <= innerWidth && top >= -1 && bottom <= innerHeight + 1;
}"""

DIALOGS = ["explain", "card", "contact", "add", "settings", "own-devices", "more"]


@pytest.mark.parametrize("dialog", DIALOGS)
async def test_at_400_percent_every_button_of_every_dialog_can_be_reached(dialog: str) -> None:
    async with theatre(greeting(contacts=[contact(LONG, ANNA)])) as play:
        await play.page.set_viewport_size({"width": 320, "height": 256})
        play.tell(call(1, "active", name=LONG, contact=LONG))
        await play.view.shows("Hang up")
        await play.page.evaluate(f"document.getElementById('{dialog}').showModal()")
        await until(lambda: play.page.evaluate(REACHABLE, f"#{dialog}"), f"every button of {dialog} to be reachable")
        assert await play.page.evaluate(INSIDE, dialog)
