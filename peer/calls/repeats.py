"""How often the owner hears of what the other side may do again and again in a call. Pure."""

from __future__ import annotations

import enum
from typing import Final

from shared.rate import Bucket, Limit

HEARD: Final = Limit(at_once=20, per_second=1 / 600)
"How many changes of one kind the owner hears of in a call. A person makes a few; a program could make them for hours."


class Telling(enum.Enum):
    """What the owner hears of a change. What is shown of the call is true whatever they hear."""

    EACH = enum.auto()
    "That this has changed."

    LAST = enum.auto()
    "That it changes again and again, and that they won't hear of each time any more."

    NONE = enum.auto()
    "Nothing."


class Repeats:
    """Counts the changes of one kind in one call."""

    def __init__(self) -> None:
        self._bucket = Bucket(HEARD)
        self._last_told = False

    def next(self, now: float) -> Telling:
        """What the owner hears of one more change at `now`, in seconds of a clock that never goes back."""
        if self._bucket.takes(now):
            return Telling.EACH
        if self._last_told:
            return Telling.NONE
        self._last_told = True
        return Telling.LAST
