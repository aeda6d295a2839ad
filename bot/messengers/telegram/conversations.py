"""The names of Telegram conversations in which a link can be, which the assistant stores with a call."""

from __future__ import annotations

import enum
from dataclasses import dataclass

PREFIX = "telegram:"

HIDDEN = "?"
"""Replaces the account that brought a link into a chat with others, if Telegram hides it. Otherwise that value is a
person's id, or @ and a bot's user name; empty for the owner."""


class Way(enum.StrEnum):
    """The ways in which a link gets from one bot to the other, each with the number of values in its names."""

    def __new__(cls, word: str, values: int) -> Way:
        """`word` begins the conversation's name."""
        way = str.__new__(cls, word)
        way._value_ = word
        way.values = values
        return way

    values: int

    OWNER = "owner", 0
    "The owner's private chat with the bot."

    PERSON = "person", 1
    "Somebody else's private chat with the bot, by deep link or pasted text. Value: their id."

    BOT = "bot", 1
    "Another bot, directly. Value: its user name."

    BUSINESS = "business", 3
    """A chat of the owner's, through the connection to their personal account. Values: connection, chat, the other's
    name."""

    GROUP = "group", 3
    "A group. Values: chat, message that is answered, who brought the link."

    GUEST = "guest", 2
    "Any chat in which somebody called the bot as a guest. Values: the query, who brought the link."

    INLINE = "inline", 1
    "Any chat in which the owner wrote with the bot's help. Value: the query."


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """One conversation."""

    way: Way
    values: tuple[str, ...] = ()

    @property
    def chat(self) -> str:
        """Its name."""
        return PREFIX + ":".join((self.way, *self.values))

    @property
    def number(self) -> int:
        """The first value as a number: a group's chat, or a person's id."""
        return int(self.values[0])


OWNER = TelegramChat(Way.OWNER)


def conversation_of(chat: str) -> TelegramChat:
    """The conversation with that name. Any other name means the owner's chat."""
    if not chat.startswith(PREFIX):
        return OWNER
    word, *values = chat.removeprefix(PREFIX).split(":")
    way = next((way for way in Way if way == word), None)
    if way is None or len(values) != way.values:
        return OWNER  # another version has written it
    return TelegramChat(way, tuple(values))
