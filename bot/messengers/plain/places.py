"""The names of a plain messenger's conversations, which the assistant stores with a call: `deltachat:person:12`."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PlainWay(enum.StrEnum):
    """The kinds of conversation, by their readers."""

    OWNER = "owner"
    "Only the owner."

    PERSON = "person"
    "One other person or program. The value is the messenger's id for them."

    GROUP = "group"
    "Several people. The value is the messenger's id of the conversation."


@dataclass(frozen=True, slots=True)
class Place:
    """One conversation of one messenger."""

    messenger: str
    way: PlainWay
    value: str = ""

    @property
    def chat(self) -> str:
        """The conversation's name."""
        return f"{self.messenger}:{self.way}" + (f":{self.value}" if self.value else "")


def place_of(messenger: str, chat: str) -> Place:
    """The conversation with that name. Any other name, perhaps from another version, means the owner's conversation."""
    name, _, rest = chat.partition(":")
    way, _, value = rest.partition(":")
    if name == messenger and value and way in (PlainWay.PERSON, PlainWay.GROUP):
        return Place(messenger, PlainWay(way), value)
    return Place(messenger, PlainWay.OWNER)
