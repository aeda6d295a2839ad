"""What a plain messenger stores in the journal: messages that it read, and messages to send."""

from __future__ import annotations

import msgspec

from bot.messengers.joined_text import joined, with_left_out
from bot.messengers.outbox import Priority

MESSAGE_CHARACTERS = 4000
"The longest message in characters, joined ones included. Apps fold longer messages."


class Heard(msgspec.Struct, frozen=True, omit_defaults=True, tag="heard"):
    """A message that was read: the owner's whole text, or the links of anybody else."""

    text: str
    chat: str
    "The name of a Place."

    from_owner: bool = False
    alone: bool = False
    "Whether only the owner reads that conversation."

    date: int = 0
    "When it was written, in Unix seconds; 0: not known."

    sender: str = ""
    "The real sender, in the messenger's own terms. Empty for the owner. For limits, never for trust."

    shown: str = ""
    "The sender's name in the messenger, where anybody can choose any name."

    writer: str = ""
    "The messenger's id for the writer, if they can be written to alone. Empty for the owner."

    passed_on: bool = False
    "Whether somebody else may have written it. Then its links are read, but it commands nothing and proves no sender."


class Own(msgspec.Struct, frozen=True, tag="own"):
    """An entry that only the wire itself understands."""

    value: bytes


class Outgoing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message to send."""

    text: str
    chat: str
    "The name of a Place."

    handset: bool = False
    "Whether it ends with the address of the handset page. The address is made when the message is sent."

    file: str = ""
    "A file to attach."

    instead: tuple[Outgoing, ...] = ()
    "Messages to send if the messenger refuses this one."

    urgency: Priority = Priority.NEWS
    source: str = ""
    "The call or the stranger that caused it."

    written: int = 0
    "When it was written, in Unix seconds."

    @property
    def queue(self) -> str:
        """Each conversation has its own queue."""
        return self.chat

    @property
    def other_ways(self) -> tuple[Outgoing, ...]:
        """See `instead`."""
        return self.instead

    def joined(self, other: Outgoing) -> Outgoing | None:
        """Join plain texts of one source."""
        plain = not (self.file or other.file or self.instead or other.instead or self.handset or other.handset)
        text = joined(self.text, other.text, MESSAGE_CHARACTERS) if plain else None
        return msgspec.structs.replace(self, text=text) if text is not None else None

    def others_left_out(self, count: int) -> Outgoing:
        """Add a line about messages that were left out."""
        return msgspec.structs.replace(self, text=with_left_out(self.text, count, MESSAGE_CHARACTERS))


Entry = Heard | Own

_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_outgoing = msgspec.json.Decoder(Outgoing)


def to_bytes(value: Entry | Outgoing) -> bytes:
    """Encode a value for the journal."""
    return msgspec.json.encode(value)


def entry_from(raw: bytes) -> Entry:
    """Decode an entry. Raises msgspec.MsgspecError if another version has written it."""
    return _entry.decode(raw)


def outgoing_from(raw: bytes) -> Outgoing:
    """Decode a message. Raises msgspec.MsgspecError if another version has written it."""
    return _outgoing.decode(raw)
