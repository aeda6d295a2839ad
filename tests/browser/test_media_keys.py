"""Media keys and a headset's button: what they do on the page, and that a real desktop browser passes them to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from peer.handset.protocol import Answer, Decline, FromPage, HangUp
from tests.bot.desktop.session import connected, screen, session_bus
from tests.browser.chromium import ONE_CHROMIUM, PATIENCE
from tests.browser.scripted import BOB, Theatre, call, theatre

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

BESIDE = {"name": "bob", "contact": "bob", "node": BOB}

LATER = "performance.now = (now => () => now() + 5000)(performance.now.bind(performance))"
"Makes the page believe that five seconds have passed."

KEYS = """
(() => {
  // What the page has told the browser to do at each action.
  window.keys = {};
  const set = MediaSession.prototype.setActionHandler;
  MediaSession.prototype.setActionHandler = function (action, act) {
    set.call(this, action, act);
    if (act) window.keys[action] = act;
    else delete window.keys[action];
  };
})()
"""

OWN_PICTURE = "document.getElementById('own-video').videoWidth > 0"
"True once microphone and camera are open."

TITLE = "navigator.mediaSession.metadata?.title ?? ''"


async def with_keys(play: Theatre) -> None:
    """Give the next call access to the keys."""
    await play.page.evaluate(KEYS)


async def titled(play: Theatre, title: str) -> None:
    """Wait until the browser shows this title beside its media keys."""
    await play.until(f"({TITLE}) === {title!r}")


async def press(play: Theatre, action: str) -> None:
    """Press a key, some time after the last press and the last change of the title."""
    await play.page.evaluate(LATER)
    await play.page.evaluate("action => keys[action]({action})", action)


def wanted(play: Theatre, *kinds: type[FromPage]) -> list[FromPage]:
    """The requests of these kinds that the page has made."""
    return [each for each in play.script.heard_messages if isinstance(each, kinds)]


async def test_a_headsets_button_answers_with_sound_only_and_hangs_up() -> None:
    async with theatre() as play:
        await with_keys(play)
        assert await play.page.evaluate(TITLE) == ""
        play.tell(call(1, "ringing"))
        await titled(play, "anna is calling")
        await press(play, "play")
        await play.wants(Answer, call=1, media="audio")
        play.tell(call(1, "active", media="audio"))
        await titled(play, "anna")
        await press(play, "pause")
        await play.wants(HangUp, call=1)
        play.tell(call(1, "ended"))
        await titled(play, "")
        assert await play.page.evaluate("keys") == {}


@pytest.mark.parametrize(
    ("trust", "title"),
    [
        ("unproven", "Someone is calling as anna, without your key"),
        ("stranger", "anna is calling"),
        ("contact", "anna is calling"),  # only the node id says so
    ],
)
async def test_a_key_answers_no_call_that_nothing_proves(trust: str, title: str) -> None:
    async with theatre() as play:
        await with_keys(play)
        play.tell(call(1, "ringing", trust=trust, proven=False))
        await titled(play, title)
        await press(play, "play")
        await play.page.get_by_text("A key doesn't answer this call: nothing proves who it is.").first.wait_for()
        assert wanted(play, Answer) == []
        await press(play, "stop")
        await play.wants(Decline, call=1)


async def test_the_stop_key_declines() -> None:
    async with theatre() as play:
        await with_keys(play)
        play.tell(call(1, "ringing"))
        await titled(play, "anna is calling")
        await press(play, "stop")
        await play.wants(Decline, call=1)


async def test_a_key_for_music_answers_nothing_that_has_only_just_begun_to_ring() -> None:
    async with theatre() as play:
        await with_keys(play)
        # The page's clock stands still from here.
        await play.page.evaluate("performance.now = (now => () => now)(performance.now())")
        play.tell(call(1, "ringing"))
        await titled(play, "anna is calling")
        for action in ("play", "pause", "stop", "hangup"):
            await play.page.evaluate("action => keys[action]({action})", action)
        await press(play, "play")
        # A second press in haste doesn't end the call that the first one has answered.
        await play.wants(Answer, call=1)
        play.tell(call(1, "active"))
        await titled(play, "anna")
        await play.until(OWN_PICTURE)
        await play.page.evaluate("keys.pause({action: 'pause'}); keys.togglemicrophone({action: 'togglemicrophone'})")
        await play.page.locator("#c-mic", has_text="Unmute").wait_for()
        assert wanted(play, Answer, Decline, HangUp) == []


async def test_keys_mute_and_turn_the_camera_off() -> None:
    async with theatre() as play:
        await with_keys(play)
        play.tell(call(1, "active"))
        await play.until(OWN_PICTURE)
        await press(play, "togglemicrophone")
        await play.page.locator("#c-mic", has_text="Unmute").wait_for()
        await press(play, "togglecamera")
        await play.page.locator("#c-camera", has_text="Camera on").wait_for()


async def test_the_key_is_for_the_call_in_which_you_talk_and_not_for_one_beside_it() -> None:
    async with theatre() as play:
        await with_keys(play)
        play.tell(call(1, "active"), call(2, "ringing", **BESIDE))
        await play.page.locator("#beside").wait_for()
        await titled(play, "anna")
        await press(play, "play")
        await play.wants(HangUp, call=1)
        assert wanted(play, Answer, Decline) == []
        play.tell(call(1, "ended"))
        await titled(play, "bob is calling")


async def test_a_page_that_does_not_have_the_call_has_no_keys_for_it() -> None:
    async with theatre() as play:
        await with_keys(play)
        play.tell(call(1, "active", handset=False, elsewhere="phone"))
        await play.view.shows("This call is on your other device, phone.")
        assert await play.page.evaluate("keys") == {}


async def test_media_keys_can_be_left_to_other_programs() -> None:
    async with theatre() as play:
        await with_keys(play)
        await play.page.keyboard.press("d")
        await play.page.locator("#media-keys-on").uncheck()
        await play.page.keyboard.press("Escape")
        play.tell(call(1, "active"))
        await play.view.shows("Hang up")
        assert await play.page.evaluate("keys") == {}
        await play.page.reload()
        await play.view.shows("Recent calls")
        play.tell(call(1, "active"))
        await play.view.shows("Hang up")
        assert await play.page.evaluate(f"[document.getElementById('media-keys-on').checked, {TITLE}]") == [False, ""]


# On a desktop: Chromium offers its players to the media keys by MPRIS, the freedesktop interface for them.

PLAYER = "org.mpris.MediaPlayer2.Player"


async def player(bus: MessageBus, member: str, signature: str = "", *values: Any, of: str = PLAYER) -> Any:
    """Call a method of the player on the bus."""
    driver = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    names = await bus.call(Message(*driver, "ListNames"))
    assert names is not None
    for name in names.body[0]:
        if name.startswith("org.mpris.MediaPlayer2."):
            wish = Message(name, "/org/mpris/MediaPlayer2", of, member, signature=signature, body=[*values])
            answer = await bus.call(wish)
            return answer.body[0] if answer is not None and answer.body else None
    return None


async def pressed_until(play: Theatre, bus: MessageBus, key: str, kind: type[FromPage], **values: Any) -> None:
    """Press a media key every second until the page asks for this."""
    asked = asyncio.create_task(play.wants(kind, **values))
    while not asked.done():
        await player(bus, key)
        await asyncio.wait([asked], timeout=1)
    await asked


async def titled_there(bus: MessageBus, title: str) -> None:
    """Wait until the desktop shows this title."""
    async with asyncio.timeout(PATIENCE):
        while True:
            shown = await player(bus, "Get", "ss", PLAYER, "Metadata", of="org.freedesktop.DBus.Properties")
            if shown is not None and (found := shown.value.get("xesam:title")) is not None and found.value == title:
                return
            await asyncio.sleep(0.2)


async def test_a_desktops_media_keys_reach_the_page(tmp_path: Path) -> None:
    async with (
        session_bus(tmp_path) as address,
        screen(address) as desktop,
        connected(address) as bus,
        theatre(desktop=desktop) as play,
    ):
        # A browser lets a page play sound, and gives it the media keys, only after the user has touched it.
        await play.page.mouse.click(30, 30)
        play.tell(call(1, "ringing"))
        await titled_there(bus, "anna is calling")
        await pressed_until(play, bus, "PlayPause", Answer, call=1, media="audio")
        play.tell(call(1, "active", media="audio"))
        await titled_there(bus, "anna")
        await pressed_until(play, bus, "Stop", HangUp, call=1)
