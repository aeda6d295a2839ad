"""Events: what may happen to a call. table.py says what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

# What the owner and the policy want.


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """The owner calls somebody. Begins a call as its caller."""


@dataclass(frozen=True, slots=True)
class Rejoin:
    """The program was killed while the call was up, and runs again. Resumes the call as it was."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A request was read that the owner is to be asked about. Begins a call as its callee."""

    machine: bool = False
    "Whether the answering machine takes it when nobody does."


@dataclass(frozen=True, slots=True)
class Answer:
    """The call is taken: by the owner while it rings, or at once as the beginning of a call."""

    automatic: bool = False
    "Answered automatically, so the owner gets a notice. Only possible as a call's first event."


@dataclass(frozen=True, slots=True)
class Busy:
    """The call can't be taken beside the calls that are running.

    When its request is read, while it rings, or when it was answered without asking and others came first meanwhile.
    """


@dataclass(frozen=True, slots=True)
class Decline:
    """The owner doesn't want the call that rings."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The owner wants the call to stop ringing, and its caller to learn nothing."""


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere:
    """The owner has taken the call with another program or device that rings too. Only other programs' calls can."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The owner ends the call, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The owner puts the call on hold, to do something else meanwhile."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The owner takes it off hold."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The program ends."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something on our side that the call needs doesn't work: overlay, socket, endpoint, messenger."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it; may be empty."


# What links in the chat say.


@dataclass(frozen=True, slots=True)
class RemoteRinging:
    """The callee's program says that it is ringing there."""


@dataclass(frozen=True, slots=True)
class RemoteAccepted:
    """A response that accepts our request, true or forged: connecting will tell."""


@dataclass(frozen=True, slots=True)
class RemoteDeclined:
    """A response that declines."""

    authenticated: bool
    "Only the callee can have written it: by pair secret, or because the request was sealed to it."


@dataclass(frozen=True, slots=True)
class RemoteBusy:
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


@dataclass(frozen=True, slots=True)
class RemoteCancelled:
    """The other side takes the call back; always authenticated, for only paired links can say so."""


@dataclass(frozen=True, slots=True)
class Glare:
    """The node that this call went out to has posted a request to us, too."""

    ours_wins: bool
    "What glare() says about the two links."


# What the leg does.


@dataclass(frozen=True, slots=True)
class LegUp:
    """A leg is connected: checked by ICE, secured by DTLS, its other end pinned."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """One attempt to connect a leg failed."""

    detail: str = field(default="", compare=False)
    "A sentence for the owner."

    hint: str = field(default="", compare=False)
    "What the owner can do about it; may be empty."


@dataclass(frozen=True, slots=True)
class PathLost:
    """The leg that was up is silent or closed, and nobody has said goodbye."""


@dataclass(frozen=True, slots=True)
class PathRestored:
    """Dialling again has brought a leg up."""


@dataclass(frozen=True, slots=True)
class RemoteBye:
    """The other side has said goodbye on the leg."""


@dataclass(frozen=True, slots=True)
class RemoteHeld:
    """The other side says that it has put the call on hold."""


@dataclass(frozen=True, slots=True)
class RemoteResumed:
    """The other side says that it has taken the call off hold."""


@dataclass(frozen=True, slots=True)
class RemoteFlooded:
    """The other side sends far more messages on the leg than a call needs."""


# What time does, and a second call with the same node.


@dataclass(frozen=True, slots=True)
class Expired:
    """Timer.RING ran out."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Timer.MACHINE ran out: it has rung long enough."""


@dataclass(frozen=True, slots=True)
class ConnectTimeout:
    """Timer.CONNECT ran out."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Timer.REDIAL ran out."""


@dataclass(frozen=True, slots=True)
class Replaced:
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
