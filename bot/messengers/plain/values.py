"""What a plain messenger keeps in the journal: what was heard, what is to be written, and which calls are shown."""

from __future__ import annotations

import msgspec

from bot.messengers import texts
from bot.messengers.outbox import Priority
from shared.not_json import NOT_JSON

MESSAGE_CHARACTERS = 4000
"Of one message, joined ones included: apps fold longer ones away."

ROOM_FOR_A_WORD = 200
"Characters of a message that are kept free for a word about those that were left out."


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
        text = f"{self.text}\n{other.text}"
        plain = not (self.file or other.file or self.instead or other.instead or self.handset or other.handset)
        if not plain or len(text) > MESSAGE_CHARACTERS - ROOM_FOR_A_WORD:
            return None
        return msgspec.structs.replace(self, text=text)

    def others_left_out(self, count: int) -> Outgoing:
        """With a word about those that were too many."""
        if len(self.text) > MESSAGE_CHARACTERS - ROOM_FOR_A_WORD:
            return self
        return msgspec.structs.replace(self, text=f"{self.text}\n{texts.left_out(count)}")


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that the owner was told of, for a start after a kill."""

    state: str = ""
    role: str = ""
    automatic: bool = False
    media: str = ""
    token: str = ""
    "The link of a call that came in, so that it can be read again if the program is killed while it rings."

    chat: str = ""


Entry = Heard | Own

_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_outgoing = msgspec.json.Decoder(Outgoing)
_shown = msgspec.json.Decoder(Shown)


def to_bytes(value: Entry | Outgoing | Shown) -> bytes:
    """For the journal."""
    return msgspec.json.encode(value)


def entry_from(raw: bytes) -> Entry:
    """Back from there. Raises msgspec.MsgspecError for what another version has written."""
    return _entry.decode(raw)


def outgoing_from(raw: bytes) -> Outgoing:
    """Back from there. Raises msgspec.MsgspecError for what another version has written."""
    return _outgoing.decode(raw)


def shown_from(raw: bytes) -> Shown | None:
    """Back from there; None for what another version has written."""
    try:
        return _shown.decode(raw)
    except NOT_JSON:
        return None
