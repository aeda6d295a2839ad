"""The states of recordings in one call: events in, effects out. Everything that changes them is here.

Our own recording begins only after the other side's program has said, on the connected leg, that it shows it. The other
side's recording is shown until it says that it has stopped. A refusal lasts for the rest of the call.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from shared.messages import Recording, RecordingReply


class Ours(enum.StrEnum):
    """The state of our own recording."""

    OFF = "off"
    WAITS = "waits"
    "The owner wants it, and the other side's program hasn't said hello on this leg."

    ASKED = "asked"
    "Their program was asked, and hasn't said on this leg that it shows the recording. Nothing is recorded."

    ON = "on"


class Theirs(enum.StrEnum):
    """The state of the other side's recording."""

    OFF = "off"
    SHOWN = "shown"
    REFUSED = "refused"
    "Refused for the rest of the call."


@dataclass(frozen=True, slots=True)
class RecordingState:
    """Both recordings of one call."""

    ours: Ours = Ours.OFF
    theirs: Theirs = Theirs.OFF

    number: int = 0
    "The number of our latest recording. Replies name it."

    their_number: int = 0
    begun: bool = False
    "Whether our recording was on, on this leg or an earlier one."

    shows: bool | None = None
    "Whether the other side's program shows recordings. None until it has said hello on this leg."

    @property
    def recorded(self) -> bool:
        """Whether the other side records this call, according to its program."""
        return self.theirs is Theirs.SHOWN

    @property
    def recording(self) -> bool:
        """Whether we record, or will as soon as the other side's program shows it."""
        return self.ours is not Ours.OFF


class What(enum.StrEnum):
    """What has happened to a recording."""

    STARTED = "started"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    "It can't be written any more."

    UNSUPPORTED = "unsupported"
    "The other side's program doesn't show recordings."

    UNANSWERED = "unanswered"
    "The other side's program didn't confirm that it shows this recording."


# Events.


class BeginRecording(msgspec.Struct, frozen=True):
    """The owner wants to record."""


class EndRecording(msgspec.Struct, frozen=True):
    """The owner wants to stop, or the recording can't go on."""

    what: What = What.STOPPED


class RefuseRecording(msgspec.Struct, frozen=True):
    """The owner refuses to be recorded."""


class SaidHello(msgspec.Struct, frozen=True):
    """The other side's program has said hello on a leg."""

    shows: bool
    "It shows our recordings."

    records: bool
    "It has a recording of its own, and will announce it again next."


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
    """The state and the effects after an event. An event that doesn't fit changes nothing."""
    match event:
        case BeginRecording() if standing.ours is Ours.OFF:
            return _asked(replace(standing, ours=Ours.WAITS, number=standing.number + 1, begun=False))
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
    """Handle what the other side says about its own recording."""
    if standing.theirs is Theirs.REFUSED:
        return standing, (RecordingReply(message.id, shown=False),) if message.on else ()
    if not message.on:
        off = replace(standing, theirs=Theirs.OFF)
        return off, (TellTheirs(What.STOPPED),) if standing.recorded else ()
    # The owner hears of it before we reply.
    told = () if standing.recorded else (TellTheirs(What.STARTED),)
    return replace(standing, theirs=Theirs.SHOWN), (*told, RecordingReply(message.id, shown=True))


def _replied(standing: RecordingState, message: RecordingReply) -> tuple[RecordingState, tuple[Effect, ...]]:
    """Handle what the other side says about our recording."""
    if not message.shown:
        return step(standing, EndRecording(What.REFUSED))
    if standing.ours is not Ours.ASKED:
        return standing, ()
    return replace(standing, ours=Ours.ON), ()
