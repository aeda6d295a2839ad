"""What is stored of an update: only what will be carried out."""

from __future__ import annotations

import msgspec

from bot.conversation import Identity


class TelegramMessage(msgspec.Struct, frozen=True, tag="heard"):
    """A message: the owner's whole text, or the links of anybody else."""

    text: str
    chat: str
    from_owner: bool = False
    alone: bool = False
    identity: Identity | None = None
    "None also if the message was passed on, because then the sender says nothing about the link's origin."

    date: int = 0
    "When it was written, in Unix seconds by Telegram's clock."

    sender: str = ""
    "The real sender, even of a forwarded message. Empty for the owner. For limits, never for trust."

    passed_on: bool = False
    "Whether the owner passed on what others have written. Then its links are read, but it commands nothing."


class Tapped(msgspec.Struct, frozen=True, tag="tapped"):
    """The owner has tapped a button."""

    query: str
    data: str
    message: int = 0
    "The message with the button; 0 if it isn't known."

    since: int = 0
    "The earliest time of the tap, in Unix seconds by this machine's clock; 0 if it isn't known."


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """The owner types the bot's name and some words, in any chat (an inline query)."""

    query: str
    text: str = ""


class Chosen(msgspec.Struct, frozen=True, tag="chosen"):
    """The owner has sent the result of an inline query."""

    result: str


class Connection(msgspec.Struct, frozen=True, tag="connection"):
    """The owner has connected the bot to their account, changed the connection or ended it."""

    id: str
    enabled: bool
    can_reply: bool


class Claimed(msgspec.Struct, frozen=True, tag="claimed"):
    """Somebody who isn't the owner sends the code that claims the bot, or a wrong code."""

    code: str
    user: int


class Greeted(msgspec.Struct, frozen=True, tag="greeted"):
    """A stranger writes to the bot."""

    user: int


Incoming = TelegramMessage | Tapped | Asked | Chosen | Connection | Claimed | Greeted

_decoder: msgspec.json.Decoder[Incoming] = msgspec.json.Decoder(Incoming)


def to_bytes(entry: Incoming) -> bytes:
    """Encode an entry for the journal."""
    return msgspec.json.encode(entry)


def from_bytes(raw: bytes) -> Incoming:
    """Decode an entry. Raises msgspec.MsgspecError if it is damaged or another version has written it."""
    return _decoder.decode(raw)


def stranger(entry: Incoming) -> str:
    """The sender, if that isn't the owner. Empty for the owner."""
    match entry:
        case TelegramMessage():
            return entry.sender
        case Claimed() | Greeted():
            return f"user {entry.user}"
    return ""
