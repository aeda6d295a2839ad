"""What is to be written, as it is kept until Telegram has it."""

from __future__ import annotations

import msgspec

from bot.messengers.base import Act
from bot.messengers.telegram.buttons import Rows

TO_OWNER = 0
"As a chat: the owner's private chat with the bot, whoever that is when it is sent."


class Outgoing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message."""

    text: str
    "HTML."

    chat: int | str = TO_OWNER
    "A chat's id, or @name of a bot."

    rows: Rows = ()
    handset: bool = False
    "Whether the button that opens the handset page stands under it. Its address is made when it is sent."

    business: str = ""
    "The connection by which it is written as the owner."

    reply_to: int = 0
    guest: str = ""
    "The guest query that it answers; then `chat` means nothing."

    file: str = ""
    "A file that goes along; then `text` stands under it."

    instead: tuple[Outgoing, ...] = ()
    "What is written if Telegram doesn't take it."


class Shown(msgspec.Struct, omit_defaults=True):
    """A call that stands in one message of the owner's chat, and is brought up to date there."""

    text: str = ""
    "As the assistant said it, not HTML."

    acts: tuple[Act, ...] = ()
    state: str = ""
    role: str = ""
    automatic: bool = False
    media: str = ""
    token: str = ""
    "The link of a call that came in, so that it can be read again if the program is killed while it rings."

    chat: str = ""
    message: int = 0
    "The message; 0 until it is sent."

    final: bool = False
    "Whether nothing will change any more once it is written."


_outgoing = msgspec.json.Decoder(Outgoing)
_shown = msgspec.json.Decoder(Shown)


def to_bytes(value: Outgoing | Shown) -> bytes:
    """For the journal."""
    return msgspec.json.encode(value)


def outgoing_from(raw: bytes) -> Outgoing:
    """Back from there."""
    return _outgoing.decode(raw)


def shown_from(raw: bytes) -> Shown:
    """Back from there."""
    return _shown.decode(raw)
