"""Numbers in place of buttons: the bot writes `1 Answer, 2 Decline`, and the owner replies `1`. Pure.

A number means one thing as long as that can be chosen, and for a while afterwards nothing else: a reply that crosses a
new call on its way never answers that one. Where there are none left, none are given. What is open is kept in the
journal, with the message that shows it, so that numbers outlive the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from shared.not_json import NOT_JSON

KEPT_SECONDS = 600
"How long a number means nothing else after its choice was closed: as long as a call link lives."

MOST_KEPT = 999
"The highest number: as many digits as are read."

RESERVED = 200
"The numbers from the highest down that no stranger's call gets: enough for 50 calls that ring."

FORGOTTEN_SECONDS = 30 * 24 * 3600
"For how long an open choice keeps its number from others if there is no free one."

_REPLY = re.compile(r"\s*([0-9]{1,3})[.)]?\s*", re.ASCII)


class Choice(msgspec.Struct, frozen=True):
    """One thing that the owner can reply."""

    number: int
    what: str
    "What is done: an `Act`, or a messenger's own word. Empty: nothing any more."
    about: str
    "To what: the id of a call, or a messenger's own name for something."
    shown: int
    "When it was shown last, Unix seconds."

    closed: int = 0
    "When that ended, Unix seconds; 0 while it is open."

    def is_taken(self, now: float) -> bool:
        """Whether its number can mean nothing else."""
        return bool(self.what) or max(self.closed, self.shown) > now - KEPT_SECONDS


def number_in(text: str) -> int | None:
    """The number that a message consists of; None if it is anything else."""
    reply = _REPLY.fullmatch(text)
    return int(reply[1]) if reply else None


class NumberedChoices:
    """The choices that are open in one owner's chat."""

    def __init__(self, kept: bytes | None = None) -> None:
        """`kept` is what `to_bytes` returned; what can't be read is forgotten."""
        self._choices: list[Choice] = []
        self._now = 0.0
        "When something was offered last, Unix seconds."
        try:
            self._choices = msgspec.json.decode(kept or b"[]", type=list[Choice])
        except NOT_JSON:
            self._choices = []

    def offer(self, what: Iterable[str], about: str, now: float, *, reserved: bool = True) -> list[Choice]:
        """Number what can be done about something. The same again has the same number.

        Empty if there aren't enough numbers; `reserved`: those of the reserve may be used. `now` is in Unix seconds.
        """
        self._now = now
        words = list(dict.fromkeys(what))
        kept = {each.number: each for each in self._choices if each.is_taken(now)}
        known = {each.what: each.number for each in kept.values() if each.about == about and each.what in words}
        last = MOST_KEPT if reserved else MOST_KEPT - RESERVED
        free = [number for number in range(1, last + 1) if number not in kept]
        missing = len(words) - len(known) - len(free)
        if missing > 0:
            forgotten = [
                each.number
                for each in sorted(kept.values(), key=lambda each: each.shown)
                if each.shown <= now - FORGOTTEN_SECONDS and each.number <= last and each.number not in known.values()
            ]
            free += forgotten[:missing]
        if len(free) < len(words) - len(known):
            return []
        numbers = iter(free)
        offered = [Choice(known[word] if word in known else next(numbers), word, about, int(now)) for word in words]
        self._choices = list((kept | {each.number: each for each in offered}).values())
        return offered

    def meant(self, number: int) -> Choice | None:
        """What a number stands for; None if it was never shown, or means nothing any more."""
        return next((each for each in self._choices if each.number == number), None)

    def close(self, about: str, now: float | None = None) -> None:
        """Nothing can be done about it any more. Its numbers stay taken for as long as a reply may be on its way.

        `now` is in Unix seconds; None: when something was offered last.
        """
        closed = int(self._now if now is None else now)
        self._choices = [
            msgspec.structs.replace(each, what="", closed=closed) if each.about == about and each.what else each
            for each in self._choices
        ]

    def open(self) -> list[Choice]:
        """What can be chosen."""
        return [each for each in self._choices if each.what]

    def to_bytes(self) -> bytes:
        """For the journal."""
        return msgspec.json.encode(self._choices)
