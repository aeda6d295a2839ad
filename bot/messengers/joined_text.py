"""Texts that share one message, and the line about those that were left out. Pure."""

from __future__ import annotations

from bot.messengers import texts

ROOM_FOR_A_LINE = 200
"Characters of a message that are kept free for the line about those that were left out."


def joined(first: str, second: str, most: int) -> str | None:
    """Both as one text; None if that doesn't fit into a message of `most` characters."""
    text = f"{first}\n{second}"
    return text if len(text) <= most - ROOM_FOR_A_LINE else None


def with_left_out(text: str, count: int, most: int) -> str:
    """The text with the line about `count` others; without it if it fills a message of `most` characters already."""
    return f"{text}\n{texts.left_out(count)}" if len(text) <= most - ROOM_FOR_A_LINE else text
