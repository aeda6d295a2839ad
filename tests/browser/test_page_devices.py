"""Camera and microphone that are refused, disappear in a call and return, and sound that the browser blocks."""

from __future__ import annotations

import pytest

from tests.browser.chromium import ONE_HEADLESS_SHELL, looked_at, until_seen
from tests.browser.scripted import BOB, NOW, Theatre, call, everywhere, theatre
from tests.browser.unplugging import DEVICES

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]


async def in_call(play: Theatre) -> None:
    """Wait until a call is active, and camera and microphone are open."""
    await play.page.evaluate(DEVICES)
    play.tell(call(1, "active"))
    await play.until("document.getElementById('own-video').videoWidth > 0")


async def notice(play: Theatre, part: str) -> None:
    """Wait until the page says this about the devices, and keeps saying it.

    An empty text means that it says nothing.
    """
    if part:
        await play.page.locator("#stage-devices").get_by_text(part).wait_for()
    else:
        await play.page.locator("#stage-devices").wait_for(state="hidden")


async def test_a_microphone_that_goes_away_is_said_and_comes_back() -> None:
    async with theatre() as play:
        await in_call(play)
        await play.page.evaluate("unplug('audio')")
        await notice(
            play, "Your microphone was disconnected: they can't hear you. Plug one in, and it is used at once."
        )
        # The other side gets the same message as when the microphone is muted here.
        assert await play.page.locator("#c-mic").inner_text() == "Unmute"
        await play.page.evaluate("plug('audio')")
        await notice(play, "")
        await play.view.shows("Your microphone is back.")
        assert await play.page.locator("#c-mic").inner_text() == "Mute"


async def test_a_camera_that_goes_away_gives_way_to_another_one() -> None:
    async with theatre() as play:
        await in_call(play)
        await play.page.evaluate(
            """(() => {
              const track = captured.find((each) => each.kind === "video");
              track.stop();
              track.dispatchEvent(new Event("ended"));
            })()"""
        )
        await play.view.shows("Your camera was disconnected. Another one is used now.")
        await play.until("captured.filter((each) => each.kind === 'video').length === 2")
        await notice(play, "")


async def test_a_source_that_is_switched_off_elsewhere_is_said_until_it_is_on_again() -> None:
    async with theatre() as play:
        await in_call(play)
        await play.page.evaluate("captured.find((each) => each.kind === 'audio').dispatchEvent(new Event('mute'))")
        await notice(
            play, "Your microphone is switched off outside this page, perhaps by a phone call: they can't hear you."
        )
        await play.page.evaluate("captured.find((each) => each.kind === 'audio').dispatchEvent(new Event('unmute'))")
        await play.view.shows("Your microphone works again.")
        await notice(play, "")


async def test_a_device_that_was_chosen_and_is_gone_gives_way_to_the_systems() -> None:
    async with theatre() as play:
        await play.page.evaluate(
            "localStorage.setItem('mic', 'yesterday'); localStorage.setItem('camera', 'yesterday')"
        )
        await play.page.reload()
        await play.view.shows("Recent calls")
        play.tell(call(1, "active"))
        await play.view.shows("The microphone that you chose isn't there. Another one is used.")
        await play.view.shows("The camera that you chose isn't there. Another one is used.")
        await play.until("document.getElementById('own-video').videoWidth > 0")


async def test_without_any_device_one_sentence_says_so_and_covers_no_button() -> None:
    async with theatre() as play:
        await play.page.evaluate(DEVICES)
        await play.page.evaluate("gone.add('audio'); gone.add('video')")
        play.tell(call(1, "active"))
        await notice(play, "No microphone or camera found.")
        assert await covered(play) == []
        await play.page.set_viewport_size({"width": 360, "height": 640})
        assert await covered(play) == []


async def test_a_test_call_without_a_device_promises_nobody_to_see_and_hear_themselves() -> None:
    async with theatre() as play:
        await play.page.evaluate(DEVICES)
        echo = {"name": "echo", "contact": "echo", "echo": True, "role": "caller"}
        play.tell(call(1, "active", **echo))
        await play.view.shows("You see and hear yourself, as a friend would.")
        play.tell(call(1, "ended", **echo))
        await play.page.evaluate("gone.add('audio'); gone.add('video')")
        play.tell(call(2, "active", **echo))
        await notice(play, "No microphone or camera found.")
        assert not await play.page.get_by_text("You see and hear yourself, as a friend would.").is_visible()


async def test_the_settings_say_that_there_is_no_device_and_use_one_that_comes() -> None:
    async with theatre() as play:
        await play.page.evaluate(DEVICES)
        await play.page.evaluate("navigator.mediaDevices.enumerateDevices = async () => []")
        await play.page.keyboard.press("d")
        said = play.page.locator("#settings-problem")
        await said.get_by_text("No microphone or camera found.").wait_for()
        await play.can_be_used()
        await play.page.evaluate("delete navigator.mediaDevices.enumerateDevices")
        await play.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        await said.wait_for(state="hidden")
        await play.until("document.getElementById('settings-video').videoWidth > 0")


async def test_a_refused_permission_is_said_as_what_it_is() -> None:
    async with theatre(allowed=()) as play:
        play.tell(call(1, "active"))
        await notice(play, "The browser doesn't let this page use microphone and camera.")
        # In the settings it stands where the devices are chosen, not below what a phone's window shows.
        await play.page.set_viewport_size({"width": 390, "height": 844})
        await play.page.keyboard.press("d")
        await play.view.press("Allow")
        said = play.page.locator("#settings-problem")
        await said.get_by_text("doesn't let this page use microphone and camera").wait_for()
        box = await said.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844


@pytest.mark.parametrize(
    ("without", "what"),
    [
        ("delete window.RTCPeerConnection", "WebRTC"),
        ("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })", "access to microphone and camera"),
    ],
)
async def test_a_browser_that_cannot_make_calls_is_said_to_be_one(without: str, what: str) -> None:
    async with theatre(untouched=[without]) as play:
        play.tell(call(1, "active"))
        await play.view.shows(f"This browser can't make calls: it lacks {what}.")
        await play.view.shows("Hang up")


async def test_a_permission_that_is_given_in_a_call_is_used_at_once() -> None:
    async with theatre(allowed=()) as play:
        play.tell(call(1, "active"))
        await notice(play, "The browser doesn't let this page use microphone and camera.")
        await play.page.context.grant_permissions(["camera", "microphone"])
        await play.view.shows("Your microphone is back.")
        await play.until("document.getElementById('own-video').videoWidth > 0")
        await notice(play, "")


SETTINGS = "captured.findLast((each) => each.kind === KIND && each.readyState === 'live')?.getSettings()"
"Settings of the newest live track of a kind that the page has opened."

FILTERS = ("echoCancellation", "noiseSuppression", "autoGainControl")


async def test_filters_can_be_switched_in_a_call_and_stay_so() -> None:
    async with theatre() as play:
        await in_call(play)
        await play.page.evaluate("window.mine = captured.find((each) => each.kind === 'audio')")
        assert await play.page.evaluate("names => names.map((name) => mine.getSettings()[name])", FILTERS) == [True] * 3
        await play.page.keyboard.press("d")
        for name in FILTERS:
            await play.page.locator(f"#{name}").uncheck()
            await play.until(f"{SETTINGS.replace('KIND', repr('audio'))}.{name} === false")
        # The microphone of the call was opened again too, not only the one of the preview.
        await play.until("mine.readyState === 'ended'")
        await play.page.keyboard.press("Escape")
        await play.until("captured.filter((each) => each.kind === 'audio' && each.readyState === 'live').length === 1")
        assert await play.page.evaluate(f"{SETTINGS.replace('KIND', repr('audio'))}.noiseSuppression") is False
        await play.page.reload()
        await play.view.shows("Recent calls")
        assert (
            await play.page.evaluate("names => names.map((name) => document.getElementById(name).checked)", FILTERS)
            == [False] * 3
        )


async def test_the_pictures_size_can_be_chosen_in_a_call_and_stays_so() -> None:
    async with theatre() as play:
        await in_call(play)
        sent = "(own => own && [own.width, own.height])(captured.find((each) => each.kind === 'video').getSettings())"
        assert await play.page.evaluate(sent) == [640, 480]
        await play.page.keyboard.press("d")
        await play.page.locator("#pick-size").select_option("320x240")
        await play.until(f"{sent}?.join() === '320,240'")
        await play.page.keyboard.press("Escape")
        # The track is the same one, and continues.
        assert await play.page.evaluate("captured.find((each) => each.kind === 'video').readyState") == "live"
        await play.page.reload()
        await play.view.shows("Recent calls")
        assert await play.page.locator("#pick-size").input_value() == "320x240"


SPEAKERS = """
(() => {
  // A speaker beside those that the browser makes up, and where the sound of the call is played.
  window.headset = true;
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => [
    ...(await list()), { kind: "audiooutput", deviceId: "system", label: "System" },
    ...(window.headset ? [{ kind: "audiooutput", deviceId: "headset", label: "Headset" }] : []),
  ];
  window.sink = "";
  Object.defineProperty(HTMLMediaElement.prototype, "sinkId", { get: () => window.sink });
  HTMLMediaElement.prototype.setSinkId = async (id) => {
    if (id === "headset" && !window.headset) throw new DOMException("gone", "NotFoundError");
    window.sink = id;
  };
  window.replug = (there) => {
    window.headset = there;
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  };
})()
"""


async def test_a_speaker_that_goes_away_gives_way_to_the_systems_until_it_is_back() -> None:
    async with theatre() as play:
        await play.page.evaluate("localStorage.setItem('speaker', 'headset')")
        await play.page.reload()
        await play.view.shows("Recent calls")
        await play.page.evaluate(SPEAKERS)
        play.tell(call(1, "active"))
        await play.until("sink === 'headset'")
        await play.page.evaluate("replug(false)")
        await play.view.shows("Your speaker was disconnected. Another one is used now.")
        await play.until("sink === ''")
        await play.page.evaluate("replug(true)")
        await play.view.shows("Your speaker is back.")
        await play.until("sink === 'headset'")


HEADSET = """
(() => {
  // Of the browser's made-up devices the second microphone and speaker, and the second camera, are plugged in later.
  const later = [];
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => {
    const found = [];
    for (const kind of ["audioinput", "audiooutput", "videoinput"]) {
      const real = (await list()).filter((each) => each.kind === kind && !["default", ""].includes(each.deviceId));
      found.push(...real.slice(0, 1));
      if (real.length > 1) window.headset[kind] = real[1].deviceId;
      const groupId = kind === "videoinput" ? "camera" : "headset";
      const label = kind === "videoinput" ? "New camera" : "New headset";
      if (later.includes(kind)) found.push({ kind, groupId, label, deviceId: window.headset[kind] ?? kind });
    }
    return found;
  };
  window.headset = {};
  const changed = () => navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  window.plugIn = (...kinds) => { later.push(...kinds); changed(); };
  window.pullOut = () => { later.length = 0; changed(); };
  window.used = [];
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await native(wanted);
    window.used.push(...stream.getTracks().map((track) => track.getSettings().deviceId));
    return stream;
  };
})()
"""


async def in_call_without_a_headset(play: Theatre) -> None:
    """A call is active with the first of the browser's devices, and the page knows the list of devices."""
    await play.page.evaluate(HEADSET)
    play.tell(call(1, "active"))
    await play.until("document.getElementById('own-video').videoWidth > 0")
    await play.until("headset.audioinput && headset.audiooutput")


async def test_a_headset_that_is_plugged_in_is_offered_in_one_line_and_used_with_one_click() -> None:
    async with theatre() as play:
        await in_call_without_a_headset(play)
        await play.page.evaluate("plugIn('audioinput', 'audiooutput')")
        await play.view.shows("New headset was plugged in.")
        await everywhere(play, "headset")
        await play.view.press("Use it")
        await play.until("used.at(-1) === headset.audioinput")
        await play.until("document.getElementById('remote-audio').sinkId === headset.audiooutput")
        await play.page.locator("#stage-offer").wait_for(state="hidden")
        # From now on the headset is the chosen microphone, and the page uses it without a question whenever it appears.
        chosen = await play.page.evaluate(
            "[localStorage.mic === headset.audioinput, localStorage.speaker === headset.audiooutput]"
        )
        assert chosen == [True, True]


async def test_an_offer_goes_with_the_device_and_with_a_no() -> None:
    async with theatre() as play:
        await in_call_without_a_headset(play)
        offer = play.page.locator("#stage-offer")
        await play.page.evaluate("plugIn('audioinput')")
        await offer.get_by_text("New headset was plugged in.").wait_for()
        await play.page.evaluate("pullOut()")
        await offer.wait_for(state="hidden")
        await play.page.evaluate("plugIn('audioinput')")
        await offer.wait_for()
        await play.view.press("Not now")
        await offer.wait_for(state="hidden")
        # A camera is another device. The page doesn't offer the headset a second time.
        await play.page.evaluate("plugIn('videoinput')")
        await offer.get_by_text("New camera was plugged in.").wait_for()
        await play.page.locator("#c-camera").click()
        await play.page.locator("#c-camera", has_text="Camera on").wait_for()
        assert await play.page.evaluate("localStorage.getItem('mic')") is None


async def covered(play: Theatre) -> list[str]:
    """The buttons that are covered by something else."""
    found: list[str] = await play.page.evaluate(
        """[...document.querySelectorAll("#stage button")].filter((each) => each.checkVisibility()).filter((each) => {
          const {left, top, width, height} = each.getBoundingClientRect();
          const on = document.elementFromPoint(left + width / 2, top + height / 2);
          return !each.contains(on);
        }).map((each) => each.id)"""
    )
    return found


# Playing sound.

STARTED = """
(() => {
  window.started = [];
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const wave = make.call(this);
    const start = wave.start;
    wave.start = (at) => { window.started.push([this.state, at - this.currentTime]); return start.call(wave, at); };
    return wave;
  };
})()
"""


HASTE = """
(() => {
  window.rounds = 0;
  const every = window.setInterval;
  window.setInterval = (act, pause) => every(() => { if (pause > 2000) window.rounds += 1; act(); }, pause / 10);
})()
"""
"Makes repeated actions run ten times as fast, and counts the bars of the ring tone."


async def test_ring_notes_are_not_saved_up_while_the_browser_keeps_the_page_silent() -> None:
    async with theatre(untouched=[STARTED, HASTE]) as play:
        play.tell(call(1, "ringing"))
        await until_seen(play.page, "document.getElementById('incoming').open")
        # Wait for ten bars, as the page counts them.
        await until_seen(play.page, "window.rounds > 10")
        assert await looked_at(play.page, "navigator.userActivation.hasBeenActive") is False
        assert await looked_at(play.page, "started.length") == 0
        # The user clicks somewhere. The page rings from then on, and doesn't play the missed bars.
        await play.page.mouse.click(30, 30)
        await until_seen(play.page, "started.length >= 4")
        first = await looked_at(play.page, "started.slice(0, 4)")
        assert [state for state, _ in first] == ["running"] * 4
        # On a busy machine the sound's clock advances between a note's time and its start.
        assert all(-1 < at < 1.5 for _, at in first), first


KEPT = """(() => {
  window.opened = [];
  const get = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (what) {
    const stream = await get.call(this, what);
    window.opened.push(...stream.getTracks());
    return stream;
  };
})()"""

LIVE = "window.opened.filter((track) => track.readyState === 'live').length"

SEEN = """hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


async def test_the_preview_has_no_camera_on_while_nobody_can_look_at_it() -> None:
    async with theatre(errors=True) as play:
        await play.page.evaluate(KEPT)
        await play.page.locator("#open-settings").click()
        await play.until(f"{LIVE} === 2")
        await play.page.evaluate(SEEN, True)
        await play.until(f"{LIVE} === 0")
        await play.page.evaluate(SEEN, False)
        await play.until(f"{LIVE} === 2")
        await play.stop()
        await play.until("document.body.dataset.gate === 'lost'")
        await play.until(f"{LIVE} === 0")
        assert not await play.page.evaluate("document.getElementById('settings').open")


SENT = "window.opened.filter((track) => track.readyState === 'live' && track.enabled).length"


async def test_a_call_that_ends_switches_nothing_on_in_another_of_the_same_second() -> None:
    async with theatre() as play:
        await play.page.evaluate(KEPT)
        bobs = {"name": "bob", "contact": "bob", "node": BOB}
        play.tell(call(1, "active"), call(2, "active", **bobs))
        await play.until(f"{SENT} === 4")
        await play.page.locator("#c-mic").click()
        await play.until(f"{SENT} === 2")
        play.tell(call(2, "ended", connected_at=NOW, **bobs), call(1, "active", on_hold=True))
        await play.until(f"{SENT} === 0")
        play.tell(call(1, "active"))
        await play.view.shows("Unmute")
        await play.until(f"{SENT} === 1")


async def test_what_is_switched_off_is_off_in_all_calls_that_are_here_and_in_one_that_comes_meanwhile() -> None:
    """With `at_once` above 1, several calls can be active at the same time."""
    async with theatre() as play:
        await play.page.evaluate(KEPT)
        play.tell(call(1, "active"), call(2, "active", name="bob", contact="bob", node=BOB))
        await play.until(f"{SENT} === 4")
        await play.page.locator("#c-mic").click()
        await play.page.locator("#c-camera").click()
        await play.until(f"{SENT} === 0")
        play.tell(call(3, "active", name="carol", contact="carol"))
        await play.until("window.opened.length === 5")
        assert await play.page.evaluate(SENT) == 0
        # Switching the microphone on again applies to the call that is shown.
        await play.view.press("Unmute")
        await play.until(f"{SENT} === 1")


async def test_where_a_page_cannot_fill_the_screen_no_button_offers_it() -> None:
    without = "Object.defineProperty(document, 'fullscreenEnabled', { value: false })"
    async with theatre(untouched=[without]) as play:
        play.tell(call(1, "active"))
        await until_seen(play.page, "document.getElementById('c-hangup').checkVisibility()")
        assert await looked_at(
            play.page, "['c-full', 'm-full'].map((id) => document.getElementById(id).hidden).join()"
        ) == ("true,true")
