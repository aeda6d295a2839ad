"""What is kept of an update: only what is acted on, in the fewest words."""

from __future__ import annotations

import msgspec

from bot.conversation import Identity


class TelegramMessage(msgspec.Struct, frozen=True, tag="heard"):
    """A message: the owner's as it is, anybody else's cut down to the links in it."""

    text: str
    chat: str
    from_owner: bool = False
    alone: bool = False
    identity: Identity | None = None
    "None also if it was passed on: then who sends it says nothing of where it is from."

    date: int = 0
    "When it was written by Telegram's clock, Unix seconds."

    sender: str = ""
    "Who really sent it, forwarded or not; empty for the owner. For limits, never for trust."

    passed_on: bool = False
    "Whether the owner sent on what others have written: it is read for links, and commands nothing."


class Tapped(msgspec.Struct, frozen=True, tag="tapped"):
    """The owner has tapped a button."""

    query: str
    data: str
    message: int = 0
    "The message that the button is under; 0 if it isn't known."

    since: int = 0
    "It wasn't tapped before that, Unix seconds by this machine's clock; 0 if that isn't known."


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """The owner types the bot's name and some words, in any chat."""

    query: str
    text: str = ""


class Chosen(msgspec.Struct, frozen=True, tag="chosen"):
    """The owner has sent the result of such a question."""

    result: str


class Connection(msgspec.Struct, frozen=True, tag="connection"):
    """The owner has connected the bot to their account, changed that, or ended it."""

    id: str
    enabled: bool
    can_reply: bool


class Claimed(msgspec.Struct, frozen=True, tag="claimed"):
    """Somebody says the code that makes them the owner, or something else instead."""

    code: str
    user: int


class Greeted(msgspec.Struct, frozen=True, tag="greeted"):
    """A stranger writes to the bot."""

    user: int


Incoming = TelegramMessage | Tapped | Asked | Chosen | Connection | Claimed | Greeted

_decoder: msgspec.json.Decoder[Incoming] = msgspec.json.Decoder(Incoming)


def to_bytes(entry: Incoming) -> bytes:
    """For the journal."""
    return msgspec.json.encode(entry)


def from_bytes(raw: bytes) -> Incoming:
    """Back from there. Raises msgspec.MsgspecError for what another version has written, or nobody."""
    return _decoder.decode(raw)


def stranger(entry: Incoming) -> str:
    """Who has sent it, if that isn't the owner; empty if it is."""
    match entry:
        case TelegramMessage():
            return entry.sender
        case Claimed() | Greeted():
            return f"user {entry.user}"
    return ""
