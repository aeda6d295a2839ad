"""What a page sends over a slow path: the same as the program's own encoders, and the page says so in one line."""

from __future__ import annotations

import random
from typing import cast

import pytest

from peer.handset.protocol import MediaAnswer, Offer, RemoteMedia, Sends, SetMedia
from peer.transport.audio_first import PathState, Seen, next_state, paused
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import call, greeting, quality, theatre
from tests.browser.test_page_conversation import CONVERSATION
from tests.browser.test_page_told import BESIDE

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

STATES = """
async (looks) => {
  const { WHOLE, next, paused, sent } = await import("/slow_path.js");
  let state = WHOLE;
  return looks.map((seen) => {
    state = next(state, seen);
    return [state.step, state.trying, paused(state), sent(state).picture, sent(state).divisor];
  });
}
"""

SILENCE = """
async ([looks, arrived]) => {
  const { LIGHT, WHOLE, afterSilence, light, next } = await import("/slow_path.js");
  const tried = (state, fine) => {
    let looks = 0;
    for (; !state.trying; looks += 1) state = next(state, fine);
    return looks;
  };
  let [path, state] = [LIGHT, WHOLE];
  for (const seen of looks) state = next(state, seen);
  const before = tried(state, looks.at(-1));
  for (const packets of arrived) {
    path = light(path, packets);
    if (path.another) state = afterSilence(state);
  }
  return [before, tried(state, looks.at(-1))];
}
"""

DECIDED = """
async (arrived) => {
  const { LIGHT, light } = await import("/slow_path.js");
  let state = LIGHT;
  return arrived.map((packets) => (state = light(state, packets)).left <= 0);
}
"""

LEGS = """
(() => {
  // Real connections to ends within the page. What the browser says of their paths is ours.
  const Plain = RTCPeerConnection;
  let end = null;
  window.legs = [];
  window.RTCPeerConnection = class extends Plain {
    #looks = 0;
    #reported = performance.timeOrigin + performance.now();
    #heard = this.#reported;
    thin = "";
    constructor(...all) {
      super(...all);
      legs.push(this);
    }
    async getStats() {
      const now = performance.timeOrigin + performance.now();
      if (this.thin !== "unheard") this.#reported = now;
      if (!["deaf", "unheard"].includes(this.thin)) this.#heard = now;
      return new Map(Object.entries({
        path: { type: "transport", selectedCandidatePairId: "pair" },
        pair: { type: "candidate-pair",
          availableOutgoingBitrate: ["lost", "sent again"].includes(this.thin) ? 30_000 : 2_000_000 },
        theirs: { type: "inbound-rtp", kind: "audio", packetsReceived: this.#looks++,
          packetsLost: this.thin === "deaf" ? 2 * this.#looks : 0 },
        sound: { type: "remote-inbound-rtp", kind: "audio", fractionLost: this.thin === "lost" ? 0.4 : 0,
          roundTripTime: 0.05, timestamp: this.#heard - 500 },
        picture: { type: "remote-inbound-rtp", kind: "video", fractionLost: 0, roundTripTime: 0.05,
          timestamp: this.#reported },
        sent: { type: "outbound-rtp", kind: "video", packetsSent: 20 * this.#looks,
          retransmittedPacketsSent: this.thin === "sent again" ? 15 * this.#looks : 0 },
      }));
    }
  };
  window.offered = async () => {
    end = new Plain();
    for (const kind of ["audio", "video"]) end.addTransceiver(kind);
    await end.setLocalDescription();
    while (end.iceGatheringState !== "complete") {
      await new Promise((done) => end.addEventListener("icegatheringstatechange", done, { once: true }));
    }
    return end.localDescription.sdp;
  };
  window.answered = (sdp) => end.setRemoteDescription({ type: "answer", sdp });
  window.divisor = (leg) => leg.getSenders().find((each) => each.track?.kind === "video")
    .getParameters().encodings[0].scaleResolutionDownBy ?? 1;
  window.pictured = (leg) => leg.connectionState === "connected" && leg.getSenders().some((each) =>
    each.track?.kind === "video" && each.getParameters().encodings[0].active);
})()
"""


async def test_a_page_gives_up_and_tries_again_what_the_programs_own_encoders_do() -> None:
    chance = random.Random(1)
    # Each rate is enough for a step of both tables, or for none, because the default sound of the two differs.
    looks = [
        Seen(
            chance.choice((10e3, 55e3, 95e3, 900e3)),
            chance.choice((0.0, 0.0, 0.3, 0.6 if number > 300 else 0.0)),
            chance.choice((0, 0, 2)),
            True,
            unheard=number > 500 and chance.random() < 0.2,
        )
        for number in range(900)
    ]
    looks += [Seen(10e3, 0.0, 0.0, True)] * 60
    state, expected = PathState(), []
    for seen in looks:
        state = next_state(state, seen)
        expected.append([state.step, state.trying, paused(state)])
    assert {step for step, _, _ in expected} == {0, 1, 2, 3}
    async with theatre() as play:
        values = [
            {"available": each.bits, "lost": each.lost, "late": each.late, "pictured": True, "unheard": each.unheard}
            for each in looks
        ]
        found = await play.page.evaluate(STATES, values)
    assert [each[:3] for each in found] == expected
    assert found[-1][3] is True


async def test_a_browser_that_does_not_say_how_much_it_can_send_goes_by_what_is_lost() -> None:
    fine, lossy = ({"available": None, "lost": lost, "late": 0, "pictured": True} for lost in (0, 0.4))
    async with theatre() as play:
        found = await play.page.evaluate(STATES, [*[fine] * 50, lossy, lossy, *[fine] * 60])
    assert [each[0] for each in found[:50]] == [0] * 50
    assert found[51][2] is True
    assert found[-1] == [0, False, False, True, 1]


async def test_a_picture_is_tried_once_it_is_known_how_late_packets_are_without_it() -> None:
    """Sound is reported every few seconds. A try without that would fail on every path that is always late."""
    poor = {"available": 50e3, "lost": 0.1, "late": 0.3, "pictured": True}
    silent = {**poor, "lost": None, "late": None}
    async with theatre() as play:
        found = await play.page.evaluate(STATES, [poor, poor, *[silent] * 6, poor, *[{**poor, "late": 0.4}] * 5])
        never = await play.page.evaluate(STATES, [poor, poor, *[silent] * 12])
    assert [each[1] for each in found] == [False] * 8 + [True] * 5 + [False]
    assert found[-1][:3] == [1, False, False], "the picture is back"
    assert [each[1] for each in never].index(True) == 12, "where nothing is ever reported it is tried all the same"


async def test_a_try_works_only_if_something_is_reported_in_it() -> None:
    poor, fine, silent = (
        {"available": 30e3, "lost": lost, "late": late, "pictured": True}
        for lost, late in ((0.4, 0), (0, 0), (None, None))
    )
    async with theatre() as play:
        found = await play.page.evaluate(STATES, [poor, poor, *[fine] * 3, *[silent] * 7, poor, *[silent] * 40])
    assert [each[:2] for each in found[3:14]] == [[3, False], *[[2, True]] * 8, [3, False], [3, False]]
    assert found[-1][0] < 3, "where nothing is ever reported a try works in the end"


async def test_a_picture_is_small_as_long_as_the_browser_believes_in_little() -> None:
    path = [
        {"available": bits, "lost": 0, "late": 0, "pictured": True}
        for bits in (300e3, 90e3, 120e3, 240e3, 260e3, 120e3)
    ]
    async with theatre() as play:
        found = await play.page.evaluate(STATES, path)
    assert [each[4] for each in found] == [1, 2, 2, 2, 1, 1]


async def test_nothing_is_decided_after_the_dark_and_a_side_that_sends_nothing_is_not_in_the_dark() -> None:
    arrived = [50, 100, *[150] * 5, *range(200, 700, 50), *[650] * 20, 700, 750]
    async with theatre() as play:
        found = await play.page.evaluate(DECIDED, arrived)
    dark, after, nothing = [False] * 4, [False] * 7 + [True] * 3, [False] * 15 + [True] * 5
    assert found == [True] * 3 + dark + after + nothing + [False] * 2


async def test_what_a_browser_believed_in_is_not_gone_by_once_most_was_lost() -> None:
    """Without a picture it goes on believing in it. Only tries tell then."""
    lost, fine = ({"available": 3e6, "lost": lost, "late": 0, "pictured": True} for lost in (0.6, 0))
    async with theatre() as play:
        found = await play.page.evaluate(STATES, [lost, *[fine] * 40])
    assert [each[0] for each in found[:12]] == [3] * 12, "it is believed at once, and doubted for long"
    up = [(step, trying) for (step, trying, *_), before in zip(found[1:], found, strict=False) if step != before[0]]
    assert up == [(2, True), (1, True), (0, False)]


@pytest.mark.parametrize(("silent", "sooner"), [(4, False), (5, True), (60, True)])
async def test_after_a_long_silence_what_was_tried_before_it_counts_no_more(silent: int, sooner: bool) -> None:
    narrow = {"available": 20e3, "lost": 0.4, "late": 0.0, "pictured": True}
    calm = {**narrow, "lost": 0}
    # A picture, and each try of one, fails.
    looks = [*[narrow] * 2, *[*[calm] * 30, narrow, narrow, narrow] * 5, calm]
    async with theatre() as play:
        before, after = await play.page.evaluate(SILENCE, [looks, [1, 2, *[2] * silent, 3, 4]])
    assert (after < before) is sooner, (before, after)


async def test_a_picture_that_the_other_side_has_paused_is_said_to_be() -> None:
    async with theatre() as play:
        play.tell(call(1, "active"), quality(1))
        await play.view.shows("Good connection")
        play.tell(RemoteMedia(call=1, remote=Sends(audio=True, video=False, paused=True)))
        await play.view.shows("Their connection is slow: picture paused, sound goes on.")
        play.tell(RemoteMedia(call=1, remote=Sends(audio=True, video=False)))
        await play.view.shows("Their camera is off")


@pytest.mark.parametrize(("thin", "divisor"), [("lost", 2), ("sent again", 2), ("unheard", 1), ("deaf", 1)])
async def test_one_persons_thin_path_takes_the_picture_from_nobody_else(thin: str, divisor: int) -> None:
    """The lost parts of a picture are sent again, and don't count as lost then. Reports are lost like anything else."""
    both = [call(1, "active", conversation=CONVERSATION), call(2, "active", **BESIDE, conversation=CONVERSATION)]
    async with theatre(greeting(calls=both)) as play:
        await play.page.evaluate(LEGS)
        for number in (1, 2):
            play.tell(Offer(call=number, leg=number, sdp=await play.page.evaluate("offered()")))
            answer = cast(MediaAnswer, await play.wants(MediaAnswer, call=number))
            await play.page.evaluate("sdp => answered(sdp)", answer.sdp)
        await play.until("legs.length === 2 && legs.every(pictured)")
        await play.page.evaluate("thin => legs[1].thin = thin", thin)
        await play.wants(SetMedia, call=2, audio=True, video=False, paused=True)
        await play.view.shows("The connection to bob is slow: your picture is paused for them, sound goes on.")
        await play.until("pictured(legs[0]) && !pictured(legs[1])")
        assert await play.page.evaluate("legs.map(divisor)") == [1, divisor]
        # The page shows what bob's page says about its own picture beside his name.
        play.tell(RemoteMedia(call=2, remote=Sends(audio=True, video=False, paused=True)))
        await play.until("document.querySelector('#people .person').innerText.includes('slow connection')")
        await play.page.evaluate("legs[1].thin = ''")
        await play.wants(SetMedia, call=2, audio=True, video=True, paused=False)
        await play.until("legs.every(pictured) && document.getElementById('stage-slow').hidden")
