"""What is to be written, as it is kept until Telegram has it."""

from __future__ import annotations

import msgspec

from bot.conversation import Act
from bot.messengers.joined_text import joined, with_left_out
from bot.messengers.kept_call import KeptCall
from bot.messengers.outbox import Priority
from bot.messengers.telegram.buttons import Rows
from bot.messengers.telegram.limits import MESSAGE_CHARACTERS

TO_OWNER = 0
"As a chat: the owner's private chat with the bot, for the owner at the time of sending."


OWNERS_QUEUE = "owner"
"The queue of the owner's private chat with the bot."


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button that opens a chat with a text written and not sent. Whose chat is looked up when the message is sent."""

    text: str
    name: str = ""
    "Whom it is for, as the owner calls them."

    user: int = 0
    "Their numeric id, if it is known."

    user_name: str = ""
    "Their user name, where the message that it answers has just shown it."

    kept_name: str = ""
    "The one in the contact book."


class TelegramPost(msgspec.Struct, frozen=True, omit_defaults=True):
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

    draft: Draft | None = None
    "A button for sending a link on."

    instead: tuple[TelegramPost, ...] = ()
    "What is written if Telegram doesn't take it."

    urgency: Priority = Priority.NEWS
    source: str = ""
    "The call or the stranger that caused it."

    written: int = 0
    "Unix seconds."

    @property
    def queue(self) -> str:
        """Telegram's limits hold for each chat; a guest query is answered once, in a place of its own."""
        if self.guest:
            return f"guest {self.guest}"
        return str(self.chat) if self.chat != TO_OWNER else OWNERS_QUEUE

    @property
    def other_ways(self) -> tuple[TelegramPost, ...]:
        """What is written instead."""
        return self.instead

    def joined(self, other: TelegramPost) -> TelegramPost | None:
        """Plain texts of one source can share a message."""
        plain = self._is_plain and other._is_plain
        text = joined(self.text, other.text, MESSAGE_CHARACTERS) if plain else None
        return msgspec.structs.replace(self, text=text) if text is not None else None

    def others_left_out(self, count: int) -> TelegramPost:
        """With a word about those that were too many; that is for the owner alone."""
        if self.queue != OWNERS_QUEUE:
            return self
        text = self.text if self.file else with_left_out(self.text, count, MESSAGE_CHARACTERS)
        return msgspec.structs.replace(self, text=text)

    @property
    def _is_plain(self) -> bool:
        return not (self.rows or self.handset or self.business or self.guest or self.file or self.draft or self.instead)


class Shown(KeptCall, omit_defaults=True):
    """A call with one message in the owner's chat, which is kept up to date."""

    text: str = ""
    "As the assistant said it, not HTML."

    acts: tuple[Act, ...] = ()
    message: int = 0
    "The message; 0 until it is sent."

    final: bool = False
    "Whether nothing will change any more once it is written."


_outgoing = msgspec.json.Decoder(TelegramPost)


def to_bytes(value: TelegramPost | Shown) -> bytes:
    """For the journal."""
    return msgspec.json.encode(value)


def outgoing_from(raw: bytes) -> TelegramPost:
    """Back from there. Raises msgspec.MsgspecError for what another version has written."""
    return _outgoing.decode(raw)
