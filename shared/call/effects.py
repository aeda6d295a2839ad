"""Effects: what a call asks of the program around it. table.py says when."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from shared.call.events import RemoteBusy, RemoteDeclined, RemoteRinging


class Timer(enum.StrEnum):
    """What a call may be waiting for. table.RUNS_OUT names the event that each becomes."""

    RING = "ring"
    "Until the link expires."

    MACHINE = "machine"
    "Until the answering machine takes a call that rings."

    CONNECT = "connect"
    "Until a leg should have come up after the answer."

    REDIAL = "redial"
    "Until dialling again is given up."


@dataclass(frozen=True, slots=True)
class Listen:
    """Bind the call's UDP port; one-link calls also wait for their leg on it."""


@dataclass(frozen=True, slots=True)
class PostRequest:
    """Post the request, or the one link, with the port in it."""


@dataclass(frozen=True, slots=True)
class TryResponse:
    """Try a leg with what this response says, beside those that are being tried. The first that connects is the leg."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Show the owner what a link says that changes nothing in the call."""

    event: RemoteRinging | RemoteDeclined | RemoteBusy


@dataclass(frozen=True, slots=True)
class AnswerTheirs:
    """Begin the call of the other side's request with Answer(): the owner wants to talk, and need not be asked.

    This one stays open, for the request may be forged. Whichever becomes active first, the other gets Replaced().
    """


@dataclass(frozen=True, slots=True)
class PostCancel:
    """Post that the call is taken back."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Ask the owner."""


@dataclass(frozen=True, slots=True)
class StopRinging:
    """Stop asking the owner."""


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """Bind the call's UDP port and dial the caller."""


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """Post the response that accepts, with the port in it."""


@dataclass(frozen=True, slots=True)
class AnnounceAnswer:
    """Tell the owner, visibly and audibly, that the call was answered automatically."""


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Give the call that nobody has taken to the answering machine, and tell the owner."""


@dataclass(frozen=True, slots=True)
class PostDecline:
    """Post that the owner doesn't want the call."""


@dataclass(frozen=True, slots=True)
class PostBusy:
    """Post that the call can't be taken now: circumstances, not a person's decision."""


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Make the call's session again from what is stored of it, with the UDP port that it had; no leg is up yet."""


@dataclass(frozen=True, slots=True)
class Redial:
    """Close what is left of the leg and dial the next epoch, or the later one that the other side is at."""


@dataclass(frozen=True, slots=True)
class PauseMedia:
    """Send and play nothing, let go of microphone and camera, and tell the other side that it is on hold."""


@dataclass(frozen=True, slots=True)
class ResumeMedia:
    """Undo that."""


@dataclass(frozen=True, slots=True)
class ShowHeld:
    """Tell the owner that the other side has put them on hold, and send nothing until it resumes."""


@dataclass(frozen=True, slots=True)
class ShowResumed:
    """Tell the owner that it has resumed, and send again."""


@dataclass(frozen=True, slots=True)
class SayBye:
    """Say goodbye on the leg, if that goes quickly."""


@dataclass(frozen=True, slots=True)
class CloseLeg:
    """Close the leg, all attempts at one, and the UDP port."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start the call's timer. There is one; starting it replaces what it was waiting for."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Stop the call's timer."""


Effect: TypeAlias = (
    Listen
    | PostRequest
    | TryResponse
    | Noted
    | AnswerTheirs
    | PostCancel
    | Ring
    | StopRinging
    | OpenLeg
    | PostAnswer
    | AnnounceAnswer
    | TakeMessage
    | PostDecline
    | PostBusy
    | TakeUp
    | Redial
    | PauseMedia
    | ResumeMedia
    | ShowHeld
    | ShowResumed
    | SayBye
    | CloseLeg
    | StartTimer
    | StopTimer
)
