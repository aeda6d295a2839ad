"""Numbers that replace buttons: the bot writes `1 Answer, 2 Decline`, and the owner replies `1`. Pure.

A number means one choice as long as that is open. After that it means nothing for a while, so that a late reply never
answers a new call. If no numbers are left, none are offered. Open choices are stored in the journal with the message
that shows them, so that numbers stay valid when the program restarts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from shared.not_json import NOT_JSON

KEPT_SECONDS = 600
"How long a number isn't used again after its choice was closed: as long as a call link is valid."

MOST_KEPT = 999
"The highest number. It decides how many digits of a reply are read."

RESERVED = 200
"How many of the highest numbers are kept from strangers' calls: enough for 50 ringing calls."

FORGOTTEN_SECONDS = 30 * 24 * 3600
"How old an open choice must be before its number is used for another one if no number is free."

_REPLY = re.compile(r"\s*([0-9]{1,3})[.)]?\s*", re.ASCII)


class Choice(msgspec.Struct, frozen=True):
    """One choice that the owner can make."""

    number: int
    what: str
    "The action: an `Act`, or a messenger's own word. Empty once the choice is closed."
    about: str
    "The object of the action: the id of a call, or a messenger's own name for something."
    shown: int
    "When it was last shown, in Unix seconds."

    closed: int = 0
    "When it was closed, in Unix seconds; 0 while it is open."

    def is_taken(self, now: float) -> bool:
        """Whether the number can't be used for another choice yet."""
        return bool(self.what) or max(self.closed, self.shown) > now - KEPT_SECONDS


def number_in(text: str) -> int | None:
    """The number, if the message is just a number. None for anything else."""
    reply = _REPLY.fullmatch(text)
    return int(reply[1]) if reply else None


class NumberedChoices:
    """The open choices in one owner's chat."""

    def __init__(self, kept: bytes | None = None) -> None:
        """`kept` is a return value of `to_bytes`. If it can't be read, there are no open choices."""
        self._choices: list[Choice] = []
        self._now = 0.0
        "When the last choice was offered, in Unix seconds."
        try:
            self._choices = msgspec.json.decode(kept or b"[]", type=list[Choice])
        except NOT_JSON:
            self._choices = []

    def offer(self, what: Iterable[str], about: str, now: float, *, reserved: bool = True) -> list[Choice]:
        """Give numbers to what can be done about something. A choice that was offered before keeps its number.

        Returns an empty list if too few numbers are free. `reserved`: numbers of the reserve may be used. `now` is in
        Unix seconds.
        """
        self._now = now
        words = list(dict.fromkeys(what))
        taken = {each.number: each for each in self._choices if each.is_taken(now)}
        known = {each.what: each.number for each in taken.values() if each.about == about and each.what in words}
        last = MOST_KEPT if reserved else MOST_KEPT - RESERVED
        free = [number for number in range(1, last + 1) if number not in taken]
        missing = len(words) - len(known) - len(free)
        if missing > 0:
            forgotten = [
                each.number
                for each in sorted(taken.values(), key=lambda each: each.shown)
                if each.shown <= now - FORGOTTEN_SECONDS and each.number <= last and each.number not in known.values()
            ]
            free += forgotten[:missing]
        if len(free) < len(words) - len(known):
            return []
        numbers = iter(free)
        offered = [Choice(known[word] if word in known else next(numbers), word, about, int(now)) for word in words]
        self._choices = list((taken | {each.number: each for each in offered}).values())
        return offered

    def meant(self, number: int) -> Choice | None:
        """The choice with that number. None if it was never offered, or was forgotten."""
        return next((each for each in self._choices if each.number == number), None)

    def close(self, about: str, now: float | None = None) -> None:
        """Close all choices about something. Their numbers stay taken while a reply may still be on its way.

        `now` is in Unix seconds. None: the time of the last offer.
        """
        closed = int(self._now if now is None else now)
        self._choices = [
            msgspec.structs.replace(each, what="", closed=closed) if each.about == about and each.what else each
            for each in self._choices
        ]

    def open(self) -> list[Choice]:
        """The open choices."""
        return [each for each in self._choices if each.what]

    def to_bytes(self) -> bytes:
        """The choices in the form that the journal stores."""
        return msgspec.json.encode(self._choices)
