"""A call on hold: by one side, by the other, or by both."""

from __future__ import annotations

import pytest

from shared.call.effects import Effect, PauseMedia, ResumeMedia, ShowHeld, ShowResumed, StopTimer
from shared.call.events import (
    Event,
    HangUp,
    Hold,
    LegUp,
    PathLost,
    PathRestored,
    PlaceCall,
    RemoteBye,
    RemoteHeld,
    RemoteResumed,
    Resume,
)
from shared.call.table import CONNECTED, CONNECTS, TABLE, Call, State, outgoing, step
from shared.errors import LocalProtocolError
from shared.secrets.handshake import Role

UP = Call(Role.CALLER, True, State.ACTIVE)
NOT_UP = [state for state in State if state not in CONNECTED]
HOLDS: list[Event] = [Hold(), Resume(), RemoteHeld(), RemoteResumed()]


def follow(call: Call, *events: Event) -> Call:
    for event in events:
        call, _ = step(call, event)
    return call


@pytest.mark.parametrize("state", CONNECTED)
@pytest.mark.parametrize(
    ("put", "taken", "effects"),
    [(Hold(), Resume(), (PauseMedia(), ResumeMedia())), (RemoteHeld(), RemoteResumed(), (ShowHeld(), ShowResumed()))],
)
def test_either_side_puts_a_call_on_hold_and_takes_it_off(
    state: State, put: Event, taken: Event, effects: tuple[Effect, Effect]
) -> None:
    before = Call(Role.CALLEE, False, state)
    held, first = step(before, put)
    assert (held.state, held.on_hold, held.remote_on_hold) == (state, put == Hold(), put != Hold())
    after, second = step(held, taken)
    assert after == before
    assert (first, second) == (effects[:1], effects[1:])


@pytest.mark.parametrize("state", CONNECTED)
@pytest.mark.parametrize("event", HOLDS)
def test_what_is_so_already_changes_nothing_and_has_no_effects(state: State, event: Event) -> None:
    once = follow(Call(Role.CALLER, True, state), event)
    assert step(once, event) == (once, ())


def test_each_side_may_hold_the_other_and_each_takes_off_its_own_hold_alone() -> None:
    both = follow(UP, Hold(), RemoteHeld())
    assert (both.on_hold, both.remote_on_hold) == (True, True)
    assert follow(both, Resume()) == follow(UP, RemoteHeld())
    assert follow(both, RemoteResumed()) == follow(UP, Hold())
    assert follow(both, Resume(), RemoteResumed()) == UP


def test_a_call_on_hold_whose_path_is_lost_is_restored_on_hold() -> None:
    held = follow(UP, Hold(), RemoteHeld(), PathLost())
    assert held.state is State.RECONNECTING
    restored, effects = step(held, PathRestored())
    assert (restored, effects) == (follow(UP, Hold(), RemoteHeld()), (StopTimer(),))


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (state, event)
        for state in NOT_UP
        for event in HOLDS
        if not (state in CONNECTS and event in (Hold(), Resume()))  # joining a conversation keeps its hold
    ],
)
def test_only_a_call_that_was_connected_can_be_on_hold(state: State, event: Event) -> None:
    assert (state, event) not in TABLE
    with pytest.raises(LocalProtocolError):
        step(Call(Role.CALLEE, True, state), event)


def test_a_call_begins_off_hold_and_one_that_is_over_is_on_hold_no_more() -> None:
    begun = outgoing(paired=True)[0]
    assert (TABLE[Role.CALLER, PlaceCall()].on_hold, begun.on_hold, begun.remote_on_hold) == (None, False, False)
    assert follow(begun, LegUp()).on_hold is False
    for end in (HangUp(), RemoteBye()):
        over = follow(UP, Hold(), RemoteHeld(), end)
        assert (over.on_hold, over.remote_on_hold) == (False, False)
