"""How often the owner hears of what the other side may do again and again in a call. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from shared.rate import Bucket, Limit

SELDOM: Final = 1 / 600
"Times a second in the long run, of what a person does a few times in a call and a program could do for hours."


class Repeated(enum.Enum):
    """What may happen again and again in one call."""

    HOLD = enum.auto()
    "The other side puts it on hold; taking it off is the end of that."

    RECORDING = enum.auto()
    "The other side begins to record; stopping is the end of that."

    PATH = enum.auto()
    "The path is lost; being connected again is the end of that."

    PICTURE = enum.auto()
    "Our picture is paused, because the path carries too little; being back is the end of that."

    CIRCLE = enum.auto()
    "Some in the conversation don't hear each other; everyone hearing everyone is the end of that."

    QUESTION = enum.auto()
    "The other side asks the owner into a conversation. What the owner answers doesn't count."

    OFFER = enum.auto()
    "The other side offers a file, and the owner is asked. What the owner answers doesn't count."

    FILE = enum.auto()
    "The other side sends a file that is accepted without asking."

    LINK = enum.auto()
    "A link in the chat says something that doesn't change the call."


HEARD: Final[Mapping[Repeated, Limit]] = {
    Repeated.HOLD: Limit(at_once=10, per_second=SELDOM),
    Repeated.RECORDING: Limit(at_once=10, per_second=SELDOM),
    Repeated.PATH: Limit(at_once=20, per_second=SELDOM),
    Repeated.PICTURE: Limit(at_once=6, per_second=SELDOM),
    Repeated.CIRCLE: Limit(at_once=10, per_second=SELDOM),
    Repeated.QUESTION: Limit(at_once=10, per_second=SELDOM),
    Repeated.OFFER: Limit(at_once=20, per_second=SELDOM),
    Repeated.FILE: Limit(at_once=200, per_second=1 / 30),
    Repeated.LINK: Limit(at_once=10, per_second=SELDOM),
}
"How often the owner hears of each in one call. Of what they hear they hear the end too."


class Telling(enum.Enum):
    """What the owner hears of a change. What is shown of the call is true whatever they hear."""

    EACH = enum.auto()
    "That this has changed."

    LAST = enum.auto()
    "That it changes again and again, and that they won't hear of each time any more."

    NONE = enum.auto()
    "Nothing."


class GoesOn(msgspec.Struct, frozen=True):
    """The other side does this again and again, and the owner won't hear of each time any more."""

    what: Repeated


class Repeats:
    """Counts in one call."""

    def __init__(self) -> None:
        self._buckets = {what: Bucket(limit) for what, limit in HEARD.items()}
        self._last_told: set[Repeated] = set()
        self._unheard: set[Repeated] = set()
        "What has begun, and the owner hasn't heard that."

    def begins(self, what: Repeated, now: float) -> Telling:
        """What the owner hears of it at `now`, in seconds of a clock that never goes back."""
        if self._buckets[what].takes(now):
            self._unheard.discard(what)
            return Telling.EACH
        self._unheard.add(what)
        if what in self._last_told:
            return Telling.NONE
        self._last_told.add(what)
        return Telling.LAST

    def ends(self, what: Repeated) -> Telling:
        """What the owner hears of its end: that it has ended, if they have heard that it began."""
        return Telling.NONE if what in self._unheard else Telling.EACH

    def answered(self, what: Repeated) -> None:
        """The owner has answered, so it doesn't count."""
        self._buckets[what].give_back()
