"""The conversations in which a link can stand, as names that the assistant keeps with a call."""

from __future__ import annotations

import enum
from dataclasses import dataclass

PREFIX = "telegram:"


class Way(enum.StrEnum):
    """The ways in which a link gets from one bot to the other."""

    OWNER = "owner"
    "The owner's private chat with the bot."

    PERSON = "person"
    "Somebody else's private chat with the bot, by deep link or pasted. Value: their id."

    BOT = "bot"
    "Another bot, directly. Value: its user name."

    BUSINESS = "business"
    "A chat of the owner's, by the connection to their personal account. Values: connection, chat, the other's name."

    GROUP = "group"
    "A group. Values: chat, message that is answered."

    GUEST = "guest"
    "Any chat in which the bot was called as a guest. Value: the query."

    INLINE = "inline"
    "Any chat, written by the owner with the bot's help. Value: the query."


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation."""

    way: Way
    values: tuple[str, ...] = ()

    @property
    def chat(self) -> str:
        """Its name."""
        return PREFIX + ":".join((self.way, *self.values))

    @property
    def number(self) -> int:
        """The first value as a number: the chat of a group, the id of a person."""
        return int(self.values[0])


OWNER = Conversation(Way.OWNER)

_VALUES: dict[str, int] = {
    Way.OWNER: 0,
    Way.PERSON: 1,
    Way.BOT: 1,
    Way.BUSINESS: 3,
    Way.GROUP: 2,
    Way.GUEST: 1,
    Way.INLINE: 1,
}
"How many values each has."


def conversation_of(chat: str) -> Conversation:
    """The conversation of that name; the owner's for every other name."""
    way, *values = chat.removeprefix(PREFIX).split(":") if chat.startswith(PREFIX) else [Way.OWNER]
    if len(values) != _VALUES.get(way):
        return OWNER  # written by another version
    return Conversation(Way(way), tuple(values))
