"""What a plain messenger keeps in the journal: what was heard, and what is to be written."""

from __future__ import annotations

import msgspec

from bot.messengers.joined_text import joined, with_left_out
from bot.messengers.outbox import Priority

MESSAGE_CHARACTERS = 4000
"Of one message, joined ones included: apps fold longer ones away."


class Heard(msgspec.Struct, frozen=True, omit_defaults=True, tag="heard"):
    """A message: the owner's as it is, anybody else's cut down to the links in it."""

    text: str
    chat: str
    "The name of a Place."

    from_owner: bool = False
    alone: bool = False
    "Whether only the owner reads that conversation."

    date: int = 0
    "When it was written, Unix seconds; 0: not known."

    sender: str = ""
    "Who really sent it, in the messenger's own terms; empty for the owner. For limits, never for trust."

    shown: str = ""
    "What the messenger calls them; anybody can choose anything."

    writer: str = ""
    "The messenger's id for its writer, if they can be written to alone; empty for the owner."

    passed_on: bool = False
    "Whether somebody else may have written it: it is read for links, commands nothing, and says nothing of its sender."


class Own(msgspec.Struct, frozen=True, tag="own"):
    """Something that only the messenger itself understands."""

    value: bytes


class Outgoing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message."""

    text: str
    chat: str
    "The name of a Place."

    handset: bool = False
    "Whether the way to the handset page stands under it. The address is made when it is sent."

    file: str = ""
    "A file that goes along."

    instead: tuple[Outgoing, ...] = ()
    "What is written if the messenger doesn't take it."

    urgency: Priority = Priority.NEWS
    source: str = ""
    "The call or the stranger that caused it."

    written: int = 0
    "Unix seconds."

    @property
    def queue(self) -> str:
        """A queue for each conversation."""
        return self.chat

    @property
    def other_ways(self) -> tuple[Outgoing, ...]:
        """What is written instead."""
        return self.instead

    def joined(self, other: Outgoing) -> Outgoing | None:
        """Plain texts of one source can share a message."""
        plain = not (self.file or other.file or self.instead or other.instead or self.handset or other.handset)
        text = joined(self.text, other.text, MESSAGE_CHARACTERS) if plain else None
        return msgspec.structs.replace(self, text=text) if text is not None else None

    def others_left_out(self, count: int) -> Outgoing:
        """With a word about those that were too many."""
        return msgspec.structs.replace(self, text=with_left_out(self.text, count, MESSAGE_CHARACTERS))


Entry = Heard | Own

_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_outgoing = msgspec.json.Decoder(Outgoing)


def to_bytes(value: Entry | Outgoing) -> bytes:
    """For the journal."""
    return msgspec.json.encode(value)


def entry_from(raw: bytes) -> Entry:
    """Back from there. Raises msgspec.MsgspecError for what another version has written."""
    return _entry.decode(raw)


def outgoing_from(raw: bytes) -> Outgoing:
    """Back from there. Raises msgspec.MsgspecError for what another version has written."""
    return _outgoing.decode(raw)
