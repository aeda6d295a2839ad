"""The cases that RingRTC, Signal's calling library, tests in its signalling, and what our table decides in each.

The age limit of an offer, the id of a stale call and a request that was read before don't belong to the table: such
links never reach it (tests/peer/calls, tests/shared/secrets).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.call.events import (
    Answer,
    AnsweredElsewhere,
    Busy,
    ConnectFailed,
    ConnectTimeout,
    Decline,
    Event,
    Expired,
    GaveUp,
    Glare,
    HangUp,
    Ignore,
    LegUp,
    PathLost,
    PathRestored,
    RemoteAccepted,
    RemoteBusy,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
    Replaced,
)
from shared.call.table import Call, EndReason, State
from shared.errors import LocalProtocolError
from tests.shared.call.test_table import callee, caller

UP: tuple[Event, ...] = (LegUp(),)
ANSWERED: tuple[Event, ...] = (Answer(), LegUp())

CALLER: dict[str, tuple[Sequence[Event], State | EndReason]] = {
    "rings and is answered": ((RemoteRinging(), LegUp()), State.ACTIVE),
    "is answered before it was said to ring": ((LegUp(), RemoteRinging()), State.ACTIVE),
    "is accepted twice": ((RemoteAccepted(), RemoteAccepted(), LegUp(), RemoteAccepted()), State.ACTIVE),
    "hangs up while it rings": ((RemoteRinging(), HangUp()), EndReason.CANCELLED),
    "hangs up before it rings": ((HangUp(),), EndReason.CANCELLED),
    "is declined": ((RemoteRinging(), RemoteDeclined(authenticated=True)), EndReason.REMOTE_DECLINED),
    "is declined by somebody else": ((RemoteDeclined(authenticated=False), LegUp()), State.ACTIVE),
    "meets a busy line": ((RemoteBusy(authenticated=True),), EndReason.REMOTE_BUSY),
    "hears busy once it is up": ((LegUp(), RemoteBusy(authenticated=True)), EndReason.REMOTE_HUNG_UP),
    "isn't answered in time": ((RemoteRinging(), Expired()), EndReason.NO_ANSWER),
    "is hung up on": ((*UP, RemoteBye()), EndReason.REMOTE_HUNG_UP),
    "is hung up on by a late link": ((*UP, RemoteCancelled()), EndReason.REMOTE_HUNG_UP),
    "loses the path and gets it back": ((*UP, PathLost(), PathRestored()), State.ACTIVE),
    "loses the path for good": ((*UP, PathLost(), GaveUp()), EndReason.LOST),
    "hangs up without a path": ((*UP, PathLost(), HangUp()), EndReason.HUNG_UP),
    "is hung up on without a path": ((*UP, PathLost(), RemoteCancelled()), EndReason.REMOTE_HUNG_UP),
    "crosses another call and wins": ((Glare(ours_wins=True), LegUp()), State.ACTIVE),
    "crosses another call and loses": ((Glare(ours_wins=False), Replaced()), EndReason.REPLACED),
    "crosses another call, loses, and the other was forged": ((Glare(ours_wins=False), LegUp()), State.ACTIVE),
    "crosses another call once it is up": ((*UP, Glare(ours_wins=False)), State.ACTIVE),
    "crosses another call without a path": ((*UP, PathLost(), Glare(ours_wins=False)), State.RECONNECTING),
}

CALLEE: dict[str, tuple[Sequence[Event], State | EndReason]] = {
    "answers": (ANSWERED, State.ACTIVE),
    "declines": ((Decline(),), EndReason.DECLINED),
    "lets it ring": ((Expired(),), EndReason.MISSED),
    "doesn't want it, and says nothing": ((Ignore(),), EndReason.DECLINED),
    "is called off": ((RemoteCancelled(),), EndReason.REMOTE_CANCELLED),
    "is called off after answering": ((Answer(), RemoteCancelled()), EndReason.REMOTE_CANCELLED),
    "takes it on another device": ((AnsweredElsewhere(),), EndReason.ANSWERED_ELSEWHERE),
    "takes another call first": ((Busy(),), EndReason.BUSY),
    "answers and can't connect": ((Answer(), ConnectFailed("No.")), EndReason.FAILED),
    "answers and nothing comes": ((Answer(), ConnectTimeout()), EndReason.UNREACHABLE),
    "answers and hangs up at once": ((Answer(), HangUp()), EndReason.HUNG_UP),
    "is hung up on": ((*ANSWERED, RemoteBye()), EndReason.REMOTE_HUNG_UP),
    "loses the path and gets it back": ((*ANSWERED, PathLost(), PathRestored()), State.ACTIVE),
}


def came_to(call: Call) -> State | EndReason:
    return call.reason or call.state


@pytest.mark.parametrize("case", CALLER)
def test_a_call_that(case: str) -> None:
    story, end = CALLER[case]
    assert came_to(caller(*story)) is end


@pytest.mark.parametrize("case", CALLEE)
def test_a_callee_who(case: str) -> None:
    story, end = CALLEE[case]
    assert came_to(callee(*story)) is end


@pytest.mark.parametrize(
    "story",
    [
        (Decline(), Answer()),
        (HangUp(), Answer()),
        (RemoteCancelled(), Answer()),
        (Expired(), Answer()),
        (AnsweredElsewhere(), Answer()),
        (Answer(), Answer()),
        (Answer(), Decline()),
        (*ANSWERED, Answer()),
        (Decline(), Decline()),
        (HangUp(), HangUp()),
    ],
    ids=lambda story: " then ".join(type(event).__name__ for event in story),
)
def test_what_comes_too_late_changes_nothing(story: tuple[Event, ...]) -> None:
    before = callee(*story[:-1])
    with pytest.raises(LocalProtocolError):
        callee(*story)
    assert callee(*story[:-1]) == before
