"""Effects: what a call asks the program to do. table.py says when."""

from __future__ import annotations

import enum
from typing import TypeAlias

from msgspec import Struct

from shared.call.events import RemoteBusy, RemoteDeclined, RemoteRinging


class Timer(enum.StrEnum):
    """What the call's timer waits for. table.RUNS_OUT has the event that happens when it runs out."""

    RING = "ring"
    "Until the link expires."

    MACHINE = "machine"
    "Until the answering machine takes a call that still rings."

    CONNECT = "connect"
    "Until a leg has to be up after the answer."

    REDIAL = "redial"
    "Until dialling again is given up."


class Listen(Struct, frozen=True):
    """Bind the call's UDP port. In a one-link call, also wait there for the callee's leg."""


class PostRequest(Struct, frozen=True):
    """Post the link that begins the call, with our UDP port in it."""


class TryResponse(Struct, frozen=True):
    """Try a leg with what a response says, beside those that are being tried.

    The first that connects carries the call.
    """


class Noted(Struct, frozen=True):
    """Show the owner what a link says, although it doesn't change the call."""

    event: RemoteRinging | RemoteDeclined | RemoteBusy


class AnswerTheirs(Struct, frozen=True):
    """Both sides have called: answer the other side's call. The owner needn't be asked, because they want to talk.

    This call stays open, for the other one may be forged. Once one of the two is active, the other one gets Replaced().
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
    """Let the answering machine take the call that nobody has answered, and tell the owner."""


class PostDecline(Struct, frozen=True):
    """Post that the owner doesn't want the call."""


class PostBusy(Struct, frozen=True):
    """Post that the call can't be taken now; no person has decided that."""


class TakeUp(Struct, frozen=True):
    """Make the session again from what is stored of the call, with the UDP port that it had. No leg is up yet."""


class Redial(Struct, frozen=True):
    """Close the lost leg, and dial the next epoch, or a later one that the other side is at."""


class PauseMedia(Struct, frozen=True):
    """Send and play nothing, release microphone and camera, and tell the other side that the call is on hold."""


class ResumeMedia(Struct, frozen=True):
    """Take the call off hold: open microphone and camera, send and play again, and tell the other side."""


class ShowHeld(Struct, frozen=True):
    """Tell the owner that the other side has put the call on hold, and send nothing until it resumes."""


class ShowResumed(Struct, frozen=True):
    """Tell the owner that the other side has taken the call off hold, and send again."""


class SayBye(Struct, frozen=True):
    """Say goodbye to the other side on the leg, for some seconds at most."""


class CloseLeg(Struct, frozen=True):
    """Close the leg, all attempts to connect one, and the UDP port."""


class StartTimer(Struct, frozen=True):
    """Start the call's timer. A call has one timer: this replaces what it waited for."""

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
