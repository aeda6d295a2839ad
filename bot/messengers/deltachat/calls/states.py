"""What a state of the core's call means for ours, as a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.call.events import AnsweredElsewhere, Event, Expired, Ignore, RemoteBye, RemoteCancelled, RemoteDeclined
from shared.call.table import State

ALERTING, ACTIVE = "Alerting", "Active"
COMPLETED, MISSED, DECLINED, CANCELED = "Completed", "Missed", "Declined", "Canceled"
"What CallInfo.state says (the core's JSON-RPC, CallState)."

RINGS_SECONDS = 120
"How long the core lets a call ring, on both sides."

CLOSE_TO_THE_END = 5
"Seconds before that in which a call that is over counts as not answered, rather than taken back."

_DECLINED = RemoteDeclined(authenticated=True)  # the core checks whose key has signed it

MEANS: Final[Mapping[tuple[State, str], Event]] = {
    # We call. The core itself ends a call that nobody takes; what we take back is over before it says so.
    (State.CALLING, DECLINED): _DECLINED,
    (State.CALLING, COMPLETED): _DECLINED,  # they took it, and hung up before there was a connection
    (State.CALLING, CANCELED): Expired(),
    (State.CALLING, MISSED): Expired(),
    # They call.
    (State.RINGING, MISSED): RemoteCancelled(),
    (State.RINGING, DECLINED): Ignore(),  # the owner, with another device of the account
    (State.RINGING, ACTIVE): AnsweredElsewhere(),
    (State.RINGING, COMPLETED): AnsweredElsewhere(),
    (State.CONNECTING, MISSED): RemoteCancelled(),
    (State.CONNECTING, COMPLETED): RemoteCancelled(),
    # It is up.
    (State.ACTIVE, COMPLETED): RemoteBye(),
    (State.ACTIVE, MISSED): RemoteBye(),
    (State.ACTIVE, DECLINED): RemoteBye(),
    (State.ACTIVE, CANCELED): RemoteBye(),
}
"Our state, and theirs. What isn't here changes nothing."


def means(ours: State, theirs: str, *, seconds_left: float) -> Event | None:
    """What happens to our call when the core's is in that state; None: nothing.

    `seconds_left`: until it stops ringing.
    """
    event = MEANS.get((ours, theirs))
    if ours is State.RINGING and event == RemoteCancelled() and seconds_left < CLOSE_TO_THE_END:
        return Expired()
    return event
