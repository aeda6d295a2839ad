"""What a page sends over a path that carries little: the same as the program's own encoders, and said in a line."""

from __future__ import annotations

import random

from peer.handset.protocol import RemoteMedia, Sends
from peer.transport.audio_first import PathState, Seen, next_state, paused
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import call, quality, theatre

pytestmark = ONE_CHROMIUM

STATES = """
async (looks) => {
  const { WHOLE, next, paused, sent } = await import("/slow_path.js");
  let state = WHOLE;
  return looks.map((seen) => {
    state = next(state, seen);
    return [state.step, state.trying, paused(state), sent(state).picture];
  });
}
"""


async def test_a_page_gives_up_and_tries_again_what_the_programs_own_encoders_do() -> None:
    chance = random.Random(1)
    # Each is enough for a step of both tables, or for none: their sound isn't the same by default.
    looks = [
        Seen(chance.choice((10e3, 55e3, 95e3, 900e3)), chance.choice((0.0, 0.0, 0.3)), chance.choice((0, 0, 2)), True)
        for _ in range(600)
    ]
    looks += [Seen(10e3, 0.0, 0.0, True)] * 60
    state, expected = PathState(), []
    for seen in looks:
        state = next_state(state, seen)
        expected.append([state.step, state.trying, paused(state)])
    assert {step for step, _, _ in expected} == {0, 1, 2, 3}
    async with theatre() as play:
        values = [{"available": each.bits, "lost": each.lost, "late": each.late, "pictured": True} for each in looks]
        found = await play.page.evaluate(STATES, values)
    assert [each[:3] for each in found] == expected
    assert found[-1][3] is True


async def test_a_browser_that_does_not_say_how_much_it_can_send_goes_by_what_is_lost() -> None:
    fine, lossy = ({"available": None, "lost": lost, "late": 0, "pictured": True} for lost in (0, 0.4))
    async with theatre() as play:
        found = await play.page.evaluate(STATES, [*[fine] * 50, lossy, lossy, *[fine] * 60])
    assert [each[0] for each in found[:50]] == [0] * 50
    assert found[51][2] is True
    assert found[-1] == [0, False, False, True]


async def test_a_picture_that_the_other_side_has_paused_is_said_to_be() -> None:
    async with theatre() as play:
        play.tell(call(1, "active"), quality(1))
        await play.view.shows("Good connection")
        play.tell(RemoteMedia(call=1, remote=Sends(audio=True, video=False, paused=True)))
        await play.view.shows("Their connection is slow: picture paused, sound goes on.")
        play.tell(RemoteMedia(call=1, remote=Sends(audio=True, video=False)))
        await play.view.shows("Their camera is off")
