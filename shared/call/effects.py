"""Effects: what a call asks of the program around it. table.py says when."""

from __future__ import annotations

import enum
from typing import TypeAlias

from msgspec import Struct

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


class Listen(Struct, frozen=True):
    """Bind the call's UDP port; one-link calls also wait for their leg on it."""


class PostRequest(Struct, frozen=True):
    """Post the request, or the one link, with the port in it."""


class TryResponse(Struct, frozen=True):
    """Try a leg with what this response says, beside those that are being tried. The first that connects is the leg."""


class Noted(Struct, frozen=True):
    """Show the owner what a link says that changes nothing in the call."""

    event: RemoteRinging | RemoteDeclined | RemoteBusy


class AnswerTheirs(Struct, frozen=True):
    """Begin the call of the other side's request with Answer(): the owner wants to talk, and need not be asked.

    This one stays open, for the request may be forged. Whichever becomes active first, the other gets Replaced().
    """


class PostCancel(Struct, frozen=True):
    """Post that the call is taken back."""


class Ring(Struct, frozen=True):
    """Ask the owner."""


class StopRinging(Struct, frozen=True):
    """Stop asking the owner."""


class OpenLeg(Struct, frozen=True):
    """Bind the call's UDP port and dial the caller."""


class PostAnswer(Struct, frozen=True):
    """Post the response that accepts, with the port in it."""


class AnnounceAnswer(Struct, frozen=True):
    """Tell the owner, visibly and audibly, that the call was answered automatically."""


class TakeMessage(Struct, frozen=True):
    """Give the call that nobody has taken to the answering machine, and tell the owner."""


class PostDecline(Struct, frozen=True):
    """Post that the owner doesn't want the call."""


class PostBusy(Struct, frozen=True):
    """Post that the call can't be taken now: circumstances, not a person's decision."""


class TakeUp(Struct, frozen=True):
    """Make the call's session again from what is stored of it, with the UDP port that it had; no leg is up yet."""


class Redial(Struct, frozen=True):
    """Close what is left of the leg and dial the next epoch, or the later one that the other side is at."""


class PauseMedia(Struct, frozen=True):
    """Send and play nothing, let go of microphone and camera, and tell the other side that it is on hold."""


class ResumeMedia(Struct, frozen=True):
    """Undo that."""


class ShowHeld(Struct, frozen=True):
    """Tell the owner that the other side has put them on hold, and send nothing until it resumes."""


class ShowResumed(Struct, frozen=True):
    """Tell the owner that it has resumed, and send again."""


class SayBye(Struct, frozen=True):
    """Say goodbye on the leg, if that goes quickly."""


class CloseLeg(Struct, frozen=True):
    """Close the leg, all attempts at one, and the UDP port."""


class StartTimer(Struct, frozen=True):
    """Start the call's timer. There is one; starting it replaces what it was waiting for."""

    timer: Timer


class StopTimer(Struct, frozen=True):
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
