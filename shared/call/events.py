"""Events: what can happen to a call. table.py says what it becomes then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

# What the owner and the policy want.


class PlaceCall(Struct, frozen=True):
    """The owner calls somebody. First event of a call whose caller we are."""


class Rejoin(Struct, frozen=True):
    """The program was killed while the call was up, and runs again. First event of the call that is taken up."""


class Offered(Struct, frozen=True):
    """A request was read, and the owner has to be asked. First event of a call whose callee we are."""

    machine: bool = False
    "Whether the answering machine takes the call if nobody does."


class Answer(Struct, frozen=True):
    """The call is answered: by the owner while it rings, or as the first event of a call that doesn't ring."""

    automatic: bool = False
    "Answered automatically, so the owner gets a notice. Only possible as a call's first event."


class Busy(Struct, frozen=True):
    """The call can't be taken beside those that there are.

    This is known when its request is read, while it rings, or after it was answered automatically, if others came
    first.
    """


class Decline(Struct, frozen=True):
    """The owner doesn't want the call that rings."""


class Ignore(Struct, frozen=True):
    """The owner wants the call to stop ringing, and its caller not to learn of that."""


class AnsweredElsewhere(Struct, frozen=True):
    """The owner has taken the call with another program or device that rings too. Only other programs' calls can."""


class HangUp(Struct, frozen=True):
    """The owner ends the call, wherever it stands."""


class Hold(Struct, frozen=True):
    """The owner puts the call on hold, to do something else meanwhile."""


class Resume(Struct, frozen=True):
    """The owner takes it off hold."""


class Stop(Struct, frozen=True):
    """The program ends."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something on our side that the call needs doesn't work: overlay, socket, endpoint, messenger."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it; may be empty."


# What links in the chat say.


class RemoteRinging(Struct, frozen=True):
    """The callee's program says that it is ringing there."""


class RemoteAccepted(Struct, frozen=True):
    """A response accepts our request. It may be forged: connecting will show."""


class RemoteDeclined(Struct, frozen=True):
    """A response declines our request."""

    authenticated: bool
    "Only the callee can have written it: by pair secret, or because the request was sealed to it."


class RemoteBusy(Struct, frozen=True):
    """A response says that the callee can't take the call now."""

    authenticated: bool
    "As in RemoteDeclined."


@dataclass(frozen=True, slots=True)
class RemoteOutOfTime:
    """By the callee's clock, our link was read too late or too early to be used; always authenticated."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it."


class RemoteCancelled(Struct, frozen=True):
    """The other side takes its call back; always authenticated, because only paired links can say so."""


class Glare(Struct, frozen=True):
    """The node that this call went out to has posted a request to us, too."""

    ours_wins: bool
    "What glare() says about the two links."


# What the leg does.


class LegUp(Struct, frozen=True):
    """A leg is connected: checked by ICE, secured by DTLS, its other end pinned."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """One attempt to connect a leg failed."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it; may be empty."


class PathLost(Struct, frozen=True):
    """The leg that was up is silent or closed, and nobody has said goodbye."""


class PathRestored(Struct, frozen=True):
    """A leg is up again after the path was lost."""


class RemoteBye(Struct, frozen=True):
    """The other side has said goodbye on the leg."""


class RemoteHeld(Struct, frozen=True):
    """The other side says that it has put the call on hold."""


class RemoteResumed(Struct, frozen=True):
    """The other side says that it has taken the call off hold."""


class RemoteFlooded(Struct, frozen=True):
    """The other side sends far more messages on the leg than a call needs."""


# What time does, and a second call with the same node.


class Expired(Struct, frozen=True):
    """Timer.RING ran out."""


class Unanswered(Struct, frozen=True):
    """Timer.MACHINE ran out: it has rung long enough."""


class ConnectTimeout(Struct, frozen=True):
    """Timer.CONNECT ran out."""


class GaveUp(Struct, frozen=True):
    """Timer.REDIAL ran out."""


class Replaced(Struct, frozen=True):
    """Another call with the same node is connected: both sides had called, and this call isn't needed."""


Event: TypeAlias = (
    PlaceCall
    | Rejoin
    | Offered
    | Answer
    | Busy
    | Decline
    | Ignore
    | AnsweredElsewhere
    | HangUp
    | Hold
    | Resume
    | Stop
    | Failed
    | RemoteRinging
    | RemoteAccepted
    | RemoteDeclined
    | RemoteBusy
    | RemoteOutOfTime
    | RemoteCancelled
    | Glare
    | LegUp
    | ConnectFailed
    | PathLost
    | PathRestored
    | RemoteBye
    | RemoteHeld
    | RemoteResumed
    | RemoteFlooded
    | Expired
    | Unanswered
    | ConnectTimeout
    | GaveUp
    | Replaced
)
