"""Joins texts into one message, and adds the line about messages that were left out. Pure."""

from __future__ import annotations

from bot.messengers import texts

ROOM_FOR_A_LINE = 200
"How many characters of a message are kept free for the line about messages that were left out."


def joined(first: str, second: str, most: int) -> str | None:
    """Both texts as one. None if they don't fit into a message of `most` characters."""
    text = f"{first}\n{second}"
    return text if len(text) <= most - ROOM_FOR_A_LINE else None


def with_left_out(text: str, count: int, most: int) -> str:
    """The text with a line about `count` messages that were left out, if it fits into `most` characters."""
    return f"{text}\n{texts.left_out(count)}" if len(text) <= most - ROOM_FOR_A_LINE else text
