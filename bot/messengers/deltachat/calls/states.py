"""A table: what a state of the core's call means for our call. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.call.events import AnsweredElsewhere, Event, Expired, Ignore, RemoteBye, RemoteCancelled, RemoteDeclined
from shared.call.table import State

ALERTING, ACTIVE = "Alerting", "Active"
COMPLETED, MISSED, DECLINED, CANCELED = "Completed", "Missed", "Declined", "Canceled"
"The values of CallInfo.state (CallState in the core's JSON-RPC)."

RINGS_SECONDS = 120
"How many seconds the core lets a call ring, on both sides."

CLOSE_TO_THE_END = 5
"A call that ends less than this many seconds before that counts as not answered, and not as cancelled."

_DECLINED = RemoteDeclined(authenticated=True)  # the core checks whose key has signed it

MEANS: Final[Mapping[tuple[State, str], Event]] = {
    # We call. The core itself ends a call that isn't answered. A call that we cancel is over before the core says so.
    (State.CALLING, DECLINED): _DECLINED,
    (State.CALLING, COMPLETED): _DECLINED,  # the other side answered, and hung up before there was a connection
    (State.CALLING, CANCELED): Expired(),
    (State.CALLING, MISSED): Expired(),
    # They call.
    (State.RINGING, MISSED): RemoteCancelled(),
    (State.RINGING, DECLINED): Ignore(),  # the owner declined with another device of the account
    (State.RINGING, ACTIVE): AnsweredElsewhere(),
    (State.RINGING, COMPLETED): AnsweredElsewhere(),
    (State.CONNECTING, MISSED): RemoteCancelled(),
    (State.CONNECTING, COMPLETED): RemoteCancelled(),
    # The call is connected.
    (State.ACTIVE, COMPLETED): RemoteBye(),
    (State.ACTIVE, MISSED): RemoteBye(),
    (State.ACTIVE, DECLINED): RemoteBye(),
    (State.ACTIVE, CANCELED): RemoteBye(),
}
"Maps our state and the core's to an event. A pair that isn't here changes nothing."


def means(ours: State, theirs: str, *, seconds_left: float) -> Event | None:
    """The event for our call when the core's call is in that state. None: nothing changes.

    `seconds_left` is the time until the call stops ringing.
    """
    event = MEANS.get((ours, theirs))
    if ours is State.RINGING and event == RemoteCancelled() and seconds_left < CLOSE_TO_THE_END:
        return Expired()
    return event
