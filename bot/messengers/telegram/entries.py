"""What is kept of an update: only what is acted on, in the fewest words."""

from __future__ import annotations

import msgspec

from bot.messengers.base import Identity


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """A message: the owner's as it is, anybody else's cut down to the links in it."""

    text: str
    chat: str
    from_owner: bool = False
    alone: bool = False
    identity: Identity | None = None
    "None also if it was forwarded: then who sends it says nothing of where it is from."

    date: int = 0
    "When it was written, Unix seconds."


class Tapped(msgspec.Struct, frozen=True, tag="tapped"):
    """The owner has tapped a button."""

    query: str
    data: str


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """Somebody types the bot's name and some words, in any chat. No text: they are a stranger."""

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


Entry = Heard | Tapped | Asked | Chosen | Connection | Claimed | Greeted

_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def to_bytes(entry: Entry) -> bytes:
    """For the journal."""
    return msgspec.json.encode(entry)


def from_bytes(raw: bytes) -> Entry:
    """Back from there."""
    return _decoder.decode(raw)
