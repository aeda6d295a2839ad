"""What the core's states mean for our call: each of them in every possible state of our call."""

from __future__ import annotations

import pytest

from bot.messengers.deltachat.calls.states import (
    ACTIVE,
    ALERTING,
    CANCELED,
    COMPLETED,
    DECLINED,
    MEANS,
    MISSED,
    means,
)
from shared.call.events import Answer, LegUp, Offered
from shared.call.table import Call, EndReason, State, incoming, outgoing, step

THEIRS = (ALERTING, ACTIVE, COMPLETED, MISSED, DECLINED, CANCELED)


def in_state(state: State) -> Call:
    """A call with another program in that state."""
    if state is State.CALLING:
        return outgoing(paired=False)[0]
    call, _ = incoming(Offered(), paired=False)
    for event in {State.RINGING: (), State.CONNECTING: (Answer(),), State.ACTIVE: (Answer(), LegUp())}[state]:
        call, _ = step(call, event)
    return call


@pytest.mark.parametrize(("ours", "theirs", "left", "reason"), [
    (State.CALLING, DECLINED, 60, EndReason.REMOTE_DECLINED),
    (State.CALLING, COMPLETED, 60, EndReason.REMOTE_DECLINED),
    (State.CALLING, CANCELED, 480, EndReason.NO_ANSWER),
    (State.RINGING, MISSED, 60, EndReason.REMOTE_CANCELLED),
    (State.RINGING, MISSED, 0, EndReason.MISSED),
    (State.RINGING, DECLINED, 60, EndReason.DECLINED),
    (State.RINGING, ACTIVE, 60, EndReason.ANSWERED_ELSEWHERE),
    (State.RINGING, COMPLETED, 60, EndReason.ANSWERED_ELSEWHERE),
    (State.CONNECTING, MISSED, 60, EndReason.REMOTE_CANCELLED),
    (State.CONNECTING, COMPLETED, 60, EndReason.REMOTE_CANCELLED),
    (State.ACTIVE, COMPLETED, 60, EndReason.REMOTE_HUNG_UP),
])  # fmt: skip
def test_how_a_call_of_the_core_ends_ours(ours: State, theirs: str, left: float, reason: EndReason) -> None:
    event = means(ours, theirs, seconds_left=left)
    assert event is not None
    call, _ = step(in_state(ours), event)
    assert (call.state, call.reason) == (State.ENDED, reason)


@pytest.mark.parametrize("ours", State)
def test_a_call_that_rings_or_was_taken_as_we_said_changes_nothing(ours: State) -> None:
    assert means(ours, ALERTING, seconds_left=60) is None
    if ours is not State.RINGING:
        assert means(ours, ACTIVE, seconds_left=60) is None


@pytest.mark.parametrize("left", [-1.0, 0.0, 60.0])
@pytest.mark.parametrize(("ours", "theirs"), [(ours, theirs) for ours in State for theirs in (*THEIRS, "", "New")])
def test_whatever_the_core_says_is_possible_then(ours: State, theirs: str, left: float) -> None:
    event = means(ours, theirs, seconds_left=left)
    if (ours, theirs) not in MEANS:
        assert event is None
    elif event is not None:
        assert step(in_state(ours), event)[0].ended
