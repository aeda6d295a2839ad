"""Merging calls into one conversation, at the one who does it: ask all, then introduce those who don't know each other.

Everything that changes an introduction is in `step`. What comes late, twice, or from somebody who wasn't asked changes
nothing. Nobody is introduced to anybody before all have agreed. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec import Struct

from shared.errors import LocalProtocolError
from shared.messages import MAX_PEOPLE


class Stage(enum.StrEnum):
    """Where an introduction stands."""

    ASKING = "asking"
    "Somebody hasn't answered yet."

    MEETING = "meeting"
    "All have agreed: those who are new to each other are being connected, and their links are passed on."

    OVER = "over"
    "Nothing is passed on any more."


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people who are to be connected, by the numbers of our calls with them."""

    caller: int
    callee: int


@dataclass(frozen=True, slots=True)
class Introduction:
    """One, as it stands."""

    people: tuple[int, ...]
    "All who are to be in the conversation, by the numbers of our calls with them, in the order of their coming."

    pairs: tuple[Pair, ...]
    "Those of them who aren't connected yet."

    stage: Stage = Stage.ASKING
    agreed: frozenset[int] = frozenset()

    @property
    def asked(self) -> frozenset[int]:
        """Those who get to know somebody, and so have to agree."""
        return frozenset(number for pair in self.pairs for number in (pair.caller, pair.callee))

    def met_by(self, person: int) -> tuple[int, ...]:
        """Who is new to that person."""
        return tuple(
            pair.callee if pair.caller == person else pair.caller
            for pair in self.pairs
            if person in (pair.caller, pair.callee)
        )


# Events.


class SaidYes(Struct, frozen=True):
    """A person wants to."""

    person: int


class SaidNo(Struct, frozen=True):
    """A person doesn't."""

    person: int


class Back(Struct, frozen=True):
    """The leg to a person is another one than before: their program may have been killed, and know of no question."""

    person: int


class Gone(Struct, frozen=True):
    """The call with a person is over."""

    person: int


class TimedOut(Struct, frozen=True):
    """It has taken as long as it may."""


class TakenBack(Struct, frozen=True):
    """The owner doesn't want it any more."""


class Met(Struct, frozen=True):
    """Two people are connected with each other."""

    caller: int
    callee: int


Event: TypeAlias = SaidYes | SaidNo | Back | Gone | TimedOut | TakenBack | Met

# Effects.


class Ask(Struct, frozen=True):
    """Ask a person whether they want to be with these others, who are new to them."""

    person: int
    others: tuple[int, ...]


class CallOff(Struct, frozen=True):
    """Tell a person who was asked that nothing comes of it."""

    person: int


class Fail(Struct, frozen=True):
    """Tell the owner that nothing comes of it, because of that event."""

    event: SaidNo | Gone | TimedOut | TakenBack


class Begin(Struct, frozen=True):
    """Our calls with all these people are one conversation from now on, none of them on hold."""

    people: tuple[int, ...]


class Introduce(Struct, frozen=True):
    """Tell both who the other one is, the one who is called first."""

    pair: Pair


Effect: TypeAlias = Ask | CallOff | Fail | Begin | Introduce


def begun(people: Sequence[int], connected: Collection[frozenset[int]]) -> tuple[Introduction, tuple[Effect, ...]]:
    """Ask all who get to know somebody. `connected` are those pairs of people who talk to each other already.

    Raises LocalProtocolError for fewer than two others, more than MAX_PEOPLE - 1, and with nobody to introduce.
    """
    pairs = tuple(
        Pair(caller, callee)
        for at, caller in enumerate(people)
        for callee in people[at + 1 :]
        if frozenset((caller, callee)) not in connected
    )
    if not 2 <= len(people) < MAX_PEOPLE or len(set(people)) < len(people) or not pairs:
        raise LocalProtocolError("These calls can't be merged.")
    introduction = Introduction(tuple(people), pairs)
    asks = (Ask(person, introduction.met_by(person)) for person in people if person in introduction.asked)
    return introduction, tuple(asks)


def step(introduction: Introduction, event: Event) -> tuple[Introduction, tuple[Effect, ...]]:
    """What an event makes of it, and what has to be done."""
    match introduction.stage, event:
        case Stage.ASKING, SaidYes(person) if person in introduction.asked:
            agreed = introduction.agreed | {person}
            if agreed != introduction.asked:
                return replace(introduction, agreed=agreed), ()
            meeting = replace(introduction, agreed=agreed, stage=Stage.MEETING)
            return meeting, (Begin(introduction.people), *map(Introduce, introduction.pairs))
        case Stage.ASKING, Back(person) if person in introduction.asked:
            # Who has agreed and still knows that agrees again, without being asked.
            asking = replace(introduction, agreed=introduction.agreed - {person})
            return asking, (Ask(person, introduction.met_by(person)),)
        case Stage.ASKING, SaidNo(person) if person in introduction.asked:
            return _fails(introduction, event, without=person)
        case Stage.ASKING, Gone(person) if person in introduction.people:
            return _fails(introduction, event, without=person)
        case Stage.ASKING, TimedOut() | TakenBack():
            return _fails(introduction, event)
        case Stage.MEETING, Gone(person):
            # The others are in it, and stay.
            pairs = tuple(pair for pair in introduction.pairs if person not in (pair.caller, pair.callee))
            people = tuple(each for each in introduction.people if each != person)
            stage = Stage.MEETING if pairs else Stage.OVER
            return replace(introduction, pairs=pairs, people=people, stage=stage), ()
        case Stage.MEETING, Met(caller, callee):
            pairs = tuple(pair for pair in introduction.pairs if {pair.caller, pair.callee} != {caller, callee})
            return replace(introduction, pairs=pairs, stage=Stage.MEETING if pairs else Stage.OVER), ()
        case Stage.MEETING, TimedOut():
            return replace(introduction, stage=Stage.OVER), ()
    return introduction, ()


def _fails(
    introduction: Introduction, event: SaidNo | Gone | TimedOut | TakenBack, *, without: int | None = None
) -> tuple[Introduction, tuple[Effect, ...]]:
    others = tuple(person for person in introduction.people if person in introduction.asked and person != without)
    return replace(introduction, stage=Stage.OVER), (*map(CallOff, others), Fail(event))
