"""Events: what may happen to a call. table.py says what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

# What the owner and the policy want.


class PlaceCall(Struct, frozen=True):
    """The owner calls somebody. Begins a call as its caller."""


class Rejoin(Struct, frozen=True):
    """The program was killed while the call was up, and runs again. Resumes the call as it was."""


class Offered(Struct, frozen=True):
    """A request was read that the owner is to be asked about. Begins a call as its callee."""

    machine: bool = False
    "Whether the answering machine takes it when nobody does."


class Answer(Struct, frozen=True):
    """The call is taken: by the owner while it rings, or at once as the beginning of a call."""

    automatic: bool = False
    "Answered automatically, so the owner gets a notice. Only possible as a call's first event."


class Busy(Struct, frozen=True):
    """The call can't be taken beside the calls that are running.

    When its request is read, while it rings, or when it was answered without asking and others came first meanwhile.
    """


class Decline(Struct, frozen=True):
    """The owner doesn't want the call that rings."""


class Ignore(Struct, frozen=True):
    """The owner wants the call to stop ringing, and its caller to learn nothing."""


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
    """A response that accepts our request, true or forged: connecting will tell."""


class RemoteDeclined(Struct, frozen=True):
    """A response that declines."""

    authenticated: bool
    "Only the callee can have written it: by pair secret, or because the request was sealed to it."


class RemoteBusy(Struct, frozen=True):
    """A response that says the callee can't take the call now."""

    authenticated: bool
    "As in RemoteDeclined."


@dataclass(frozen=True, slots=True)
class RemoteOutOfTime:
    """The callee read our link at a time, by its clock, at which that couldn't be used; always authenticated."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it."


class RemoteCancelled(Struct, frozen=True):
    """The other side takes the call back; always authenticated, for only paired links can say so."""


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
    """Dialling again has brought a leg up."""


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
    """Another call with the same node is active: of two that crossed each other, the one that was connected."""


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
