"""What becomes of recordings in one call: events in, what is to be done out. Everything that changes it is here.

Our own begins only once the other side's program has said, on the leg that is up, that it shows it. What the other
side records is shown until it says that it no longer does; a refusal holds for the rest of the call.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from shared.messages import Recording, RecordingReply


class Ours(enum.StrEnum):
    """How it stands with our own recording."""

    OFF = "off"
    WAITS = "waits"
    "It is wanted, and the other side's program hasn't said hello on a leg."

    ASKED = "asked"
    "Their program was told, and hasn't said on this leg that it shows it: nothing is recorded."

    ON = "on"


class Theirs(enum.StrEnum):
    """How it stands with the other side's."""

    OFF = "off"
    SHOWN = "shown"
    REFUSED = "refused"
    "For the rest of the call."


@dataclass(frozen=True, slots=True)
class RecordingState:
    """Both recordings of one call."""

    ours: Ours = Ours.OFF
    theirs: Theirs = Theirs.OFF

    number: int = 0
    "Of our latest, which replies name."

    their_number: int = 0
    begun: bool = False
    "Whether ours was on, on this leg or one before."

    shows: bool | None = None
    "Whether the other side's program shows recordings; None before it has said hello on this leg."

    @property
    def recorded(self) -> bool:
        """Whether the other side records this call, as far as we were told."""
        return self.theirs is Theirs.SHOWN

    @property
    def recording(self) -> bool:
        """Whether we record it, or do as soon as the other side's program shows that."""
        return self.ours is not Ours.OFF


class What(enum.StrEnum):
    """What has happened to a recording, for people."""

    STARTED = "started"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    "It can't be written any longer."

    UNSUPPORTED = "unsupported"
    "The other side's program doesn't show recordings."

    UNANSWERED = "unanswered"
    "It didn't say that it shows this one."


# Events.


class BeginRecording(msgspec.Struct, frozen=True):
    """The owner wants to record."""


class EndRecording(msgspec.Struct, frozen=True):
    """The owner no longer wants to, or it can't go on."""

    what: What = What.STOPPED


class RefuseRecording(msgspec.Struct, frozen=True):
    """The owner refuses to be recorded."""


class SaidHello(msgspec.Struct, frozen=True):
    """The other side's program has said hello on a leg."""

    shows: bool
    "It shows that we record."

    records: bool
    "It has one of its own, and says so again next."


class Lost(msgspec.Struct, frozen=True):
    """The leg is gone."""


Event: TypeAlias = BeginRecording | EndRecording | RefuseRecording | SaidHello | Lost | Recording | RecordingReply


# Effects.


class Finish(msgspec.Struct, frozen=True):
    """Finish the file of our recording, if there is one, and tell the owner why."""

    what: What


class TellTheirs(msgspec.Struct, frozen=True):
    """Tell the owner what has happened to the other side's recording."""

    what: What


Effect: TypeAlias = Recording | RecordingReply | Finish | TellTheirs
"Messages are to be sent. Whether something is written follows from `Ours.ON`."


def step(standing: RecordingState, event: Event) -> tuple[RecordingState, tuple[Effect, ...]]:
    """What an event makes of it. An event that has no place changes nothing."""
    match event:
        case BeginRecording() if standing.ours is Ours.OFF:
            wanted = replace(standing, ours=Ours.WAITS, number=standing.number + 1, begun=False)
            return wanted if standing.shows is None else _asked(wanted)[0], _asked(wanted)[1]
        case EndRecording() if standing.recording:
            told = (Recording(standing.number, on=False),) if standing.shows else ()
            return replace(standing, ours=Ours.OFF), (*told, Finish(event.what))
        case RefuseRecording() if standing.recorded:
            refused = replace(standing, theirs=Theirs.REFUSED)
            told_them = (RecordingReply(standing.their_number, shown=False),) if standing.shows is not None else ()
            return refused, (*told_them, TellTheirs(What.REFUSED))
        case SaidHello():
            return _greeted(replace(standing, shows=event.shows), event.records)
        case Lost():
            ours = Ours.WAITS if standing.recording else Ours.OFF
            return replace(standing, ours=ours, shows=None), ()
        case Recording():
            return _their(replace(standing, their_number=event.id), event)
        case RecordingReply() if event.id == standing.number:
            return _replied(standing, event)
        case _:
            return standing, ()


def _asked(standing: RecordingState) -> tuple[RecordingState, tuple[Effect, ...]]:
    if standing.shows is None or standing.ours is not Ours.WAITS:
        return standing, ()
    if not standing.shows:
        return replace(standing, ours=Ours.OFF), (Finish(What.UNSUPPORTED),)
    return replace(standing, ours=Ours.ASKED), (Recording(standing.number, on=True),)


def _greeted(standing: RecordingState, records: bool) -> tuple[RecordingState, tuple[Effect, ...]]:
    told: tuple[Effect, ...] = ()
    if standing.recorded and not records:
        standing, told = replace(standing, theirs=Theirs.OFF), (TellTheirs(What.STOPPED),)
    standing, asked = _asked(replace(standing, ours=Ours.WAITS) if standing.recording else standing)
    return standing, (*told, *asked)


def _their(standing: RecordingState, message: Recording) -> tuple[RecordingState, tuple[Effect, ...]]:
    """What the other side says of its own."""
    if standing.theirs is Theirs.REFUSED:
        return standing, (RecordingReply(message.id, shown=False),) if message.on else ()
    if not message.on:
        off = replace(standing, theirs=Theirs.OFF)
        return off, (TellTheirs(What.STOPPED),) if standing.recorded else ()
    # The owner hears of it before the other side does.
    told = () if standing.recorded else (TellTheirs(What.STARTED),)
    return replace(standing, theirs=Theirs.SHOWN), (*told, RecordingReply(message.id, shown=True))


def _replied(standing: RecordingState, message: RecordingReply) -> tuple[RecordingState, tuple[Effect, ...]]:
    """What the other side says of our own."""
    if not message.shown:
        return step(standing, EndRecording(What.REFUSED))
    if standing.ours is not Ours.ASKED:
        return standing, ()
    return replace(standing, ours=Ours.ON), ()
