"""The conversations of a plain messenger, as names that the assistant keeps with a call: `deltachat:person:12`."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PlainWay(enum.StrEnum):
    """Who reads a conversation."""

    OWNER = "owner"
    "Only the owner."

    PERSON = "person"
    "One other person or program. Value: the messenger's id for them."

    GROUP = "group"
    "Several. Value: the messenger's id of the conversation."


@dataclass(frozen=True, slots=True)
class Place:
    """One conversation of one messenger."""

    messenger: str
    way: PlainWay
    value: str = ""

    @property
    def chat(self) -> str:
        """Its name."""
        return f"{self.messenger}:{self.way}" + (f":{self.value}" if self.value else "")


def place_of(messenger: str, chat: str) -> Place:
    """The conversation of that name; the owner's for every other name, which another version may have written."""
    name, _, rest = chat.partition(":")
    way, _, value = rest.partition(":")
    if name == messenger and value and way in (PlainWay.PERSON, PlainWay.GROUP):
        return Place(messenger, PlainWay(way), value)
    return Place(messenger, PlainWay.OWNER)
