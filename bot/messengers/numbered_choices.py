"""Numbers in place of buttons: the bot writes `1 Answer, 2 Decline`, and the owner replies `1`. Pure.

A number that was shown isn't given to anything else for a while: a reply that crosses a new call on its way never
answers that one. What is open is kept in the journal, with the message that shows it, so that numbers outlive the
program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

KEPT_SECONDS = 600
"How long a number means nothing else after it was shown last: as long as a call link lives."

MOST_KEPT = 60
"Choices that are kept; the oldest are forgotten first."

_REPLY = re.compile(r"\s*([0-9]{1,3})[.)]?\s*", re.ASCII)


class Choice(msgspec.Struct, frozen=True):
    """One thing that the owner can reply."""

    number: int
    what: str
    "What is done: an `Act`, or a messenger's own word."
    about: str
    "To what: the id of a call, or a messenger's own name for something."
    shown: int
    "When it was shown last, Unix seconds."


def number_in(text: str) -> int | None:
    """The number that a message consists of; None if it is anything else."""
    reply = _REPLY.fullmatch(text)
    return int(reply[1]) if reply else None


class NumberedChoices:
    """The choices that are open in one owner's chat."""

    def __init__(self, kept: bytes | None = None) -> None:
        """`kept` is what `to_bytes` returned; what can't be read is forgotten."""
        self._choices: list[Choice] = []
        try:
            self._choices = msgspec.json.decode(kept or b"[]", type=list[Choice])
        except msgspec.MsgspecError:
            self._choices = []

    def offer(self, what: Iterable[str], about: str, now: float) -> list[Choice]:
        """Number what can be done about something. The same again has the same number."""
        offered = []
        for word in what:
            known = next((each for each in self._choices if (each.what, each.about) == (word, about)), None)
            number = known.number if known else self._free(now)
            choice = Choice(number, word, about, int(now))
            # An old choice gives way to the new one with its number.
            self._choices = [each for each in self._choices if each.number != number]
            self._choices.append(choice)
            offered.append(choice)
        del self._choices[:-MOST_KEPT]
        return offered

    def meant(self, number: int) -> Choice | None:
        """What a number stands for; None if it was never shown, or means nothing any more."""
        return next((each for each in self._choices if each.number == number), None)

    def close(self, about: str) -> None:
        """Nothing can be done about it any more. Its numbers stay taken for as long as a reply may be on its way."""
        self._choices = [
            msgspec.structs.replace(each, what="") if each.about == about else each for each in self._choices
        ]

    def to_bytes(self) -> bytes:
        """For the journal."""
        return msgspec.json.encode(self._choices)

    def _free(self, now: float) -> int:
        taken = {each.number for each in self._choices if each.shown > now - KEPT_SECONDS}
        return next(number for number in range(1, MOST_KEPT + 2) if number not in taken)
