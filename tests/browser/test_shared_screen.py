"""A shared screen between two browsers: its sound beside the voice, sharp or smooth, and the own picture in a corner.

The browser shows the chooser. What is chosen here is a picture and a tone that the page makes and the test recognises.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import ONE_CHROMIUM, PageView, until_seen
from tests.browser.people import connect, two_people
from tests.browser.scripted import call, everywhere, greeting, sends, theatre

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

TONE = 997
"The tone of the shared screen in hertz. It is louder than the browser's own test beeps."

CHOICE = f"""
(() => {{
  navigator.mediaDevices.getDisplayMedia = async (wanted) => {{
    window.wanted = JSON.stringify(wanted);
    const canvas = Object.assign(document.createElement("canvas"), {{ width: 640, height: 360 }});
    const drawing = canvas.getContext("2d");
    let turn = 0;
    setInterval(() => {{ drawing.fillStyle = `hsl(${{turn += 7}} 80% 50%)`; drawing.fillRect(0, 0, 640, 360); }}, 50);
    const context = new AudioContext();
    const tone = new OscillatorNode(context, {{ frequency: {TONE} }});
    const out = context.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const [picture] = canvas.captureStream(20).getVideoTracks();
    const [sound] = out.stream.getAudioTracks();
    window.shared = {{ picture, sound }};
    return new MediaStream([picture, sound]);
  }};
}})()
"""


async def pressed(page: PageView, name: str) -> bool:
    """Whether a button of the bar is on."""
    said: str | None = await page.page.get_by_role("button", name=name).get_attribute("aria-pressed")
    return said == "true"


async def test_the_screens_sound_is_heard_and_text_or_motion_can_be_chosen_while_it_is_shared(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await bob.page.receives("video", "audio")
        page = anna.page.page
        await page.evaluate(CHOICE)
        await anna.page.press("Share screen")
        await bob.page.remote(audio=True, video=True, screen=True)
        await anna.page.shows("You are sharing your screen and its sound.")
        await bob.page.pictures_are(640, 360)
        await bob.page.hears(TONE)
        assert (await pressed(anna.page, "Sharp text"), await pressed(anna.page, "Smooth motion")) == (True, False)
        assert await page.evaluate("shared.picture.contentHint") == "detail"
        await anna.page.press("Smooth motion")
        await until_seen(page, "shared.picture.contentHint === 'motion'")
        assert await pressed(anna.page, "Smooth motion")
        # Muting silences the voice, but not the sound of the shared screen.
        await anna.page.press("Mute")
        await bob.page.remote(audio=False, video=True, screen=True)
        await bob.page.hears(TONE)
        before = await bob.page.stats()
        await anna.page.press("My camera in the corner")
        await until_seen(page, "document.getElementById('share-camera').getAttribute('aria-pressed') === 'true'")
        await bob.page.receives("video")
        await anna.page.press("Stop sharing")
        await bob.page.remote(audio=False, video=True, screen=False)
        await bob.page.pictures_change(before["in_video"])
        await until_seen(page, "document.getElementById('sharing').hidden")
        assert await page.evaluate("[shared.picture.readyState, shared.sound.readyState].join()") == "ended,ended"


async def test_what_is_shared_and_how_stands_there_in_every_look() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends())])) as play:
        await play.until("document.getElementById('own-video').videoWidth > 0")
        await play.page.evaluate(CHOICE)
        await play.view.press("Share screen")
        await play.view.shows("You are sharing your screen and its sound.")
        await everywhere(play, "sharing")


@pytest.mark.parametrize("gives", [True, False])
async def test_who_shares_without_sound_reads_whether_the_browser_could_give_it(gives: bool) -> None:
    """Firefox and Safari can give no sound, and lack the settings for it."""
    async with theatre(
        greeting(calls=[call(1, "active", remote=sends())]), untouched=[] if gives else [GIVES_NONE]
    ) as play:
        await play.until("document.getElementById('own-video').videoWidth > 0")
        await play.page.evaluate(CHOICE.replace("[picture, sound])", "[picture])"))
        await play.view.press("Share screen")
        await play.view.shows("without its sound." if gives else "This browser can't share its sound.")
        await play.can_be_used()


GIVES_NONE = """
(() => {
  const known = navigator.mediaDevices.getSupportedConstraints();
  delete known.suppressLocalAudioPlayback;
  delete known.restrictOwnAudio;
  navigator.mediaDevices.getSupportedConstraints = () => known;
})()
"""
