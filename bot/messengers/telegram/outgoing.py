"""Messages to send, in the form in which they are stored until Telegram has them."""

from __future__ import annotations

import msgspec

from bot.conversation import Act
from bot.messengers.joined_text import joined, with_left_out
from bot.messengers.kept_call import KeptCall
from bot.messengers.outbox import Priority
from bot.messengers.telegram.buttons import Rows
from bot.messengers.telegram.limits import MESSAGE_CHARACTERS

TO_OWNER = 0
"Replaces a chat: the private chat with the person who is the owner when the message is sent."


OWNERS_QUEUE = "owner"
"The queue of the owner's private chat with the bot."


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button that opens a chat with a text as a draft. The chat is looked up when the message is sent."""

    text: str
    name: str = ""
    "The person it is for, as the owner calls them."

    user: int = 0
    "Their numeric id, if it is known."

    user_name: str = ""
    "Their user name, if the message that this answers has just shown it."

    kept_name: str = ""
    "Their user name in the contact book."


class TelegramPost(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message."""

    text: str
    "As HTML."

    chat: int | str = TO_OWNER
    "A chat's id, or @ and the user name of a bot."

    rows: Rows = ()
    handset: bool = False
    "Whether it has the button that opens the handset page. The page's address is made when the message is sent."

    business: str = ""
    "The business connection through which it is sent as the owner."

    reply_to: int = 0
    guest: str = ""
    "The guest query that it answers. Then `chat` is ignored."

    file: str = ""
    "A file to attach. Then `text` is its caption."

    draft: Draft | None = None
    "A button for passing a link on."

    instead: tuple[TelegramPost, ...] = ()
    "Messages to send if Telegram refuses this one."

    urgency: Priority = Priority.NEWS
    source: str = ""
    "The call or the stranger that caused it."

    written: int = 0
    "When it was written, in Unix seconds."

    @property
    def queue(self) -> str:
        """A queue per chat, because Telegram's limits are per chat. Guest queries have their own queues."""
        if self.guest:
            return f"guest {self.guest}"
        return str(self.chat) if self.chat != TO_OWNER else OWNERS_QUEUE

    @property
    def other_ways(self) -> tuple[TelegramPost, ...]:
        """See `instead`."""
        return self.instead

    def joined(self, other: TelegramPost) -> TelegramPost | None:
        """Join plain texts of one source."""
        plain = self._is_plain and other._is_plain
        text = joined(self.text, other.text, MESSAGE_CHARACTERS) if plain else None
        return msgspec.structs.replace(self, text=text) if text is not None else None

    def others_left_out(self, count: int) -> TelegramPost:
        """Add a line about messages that were left out. Only the owner gets it."""
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
    "The assistant's text, not HTML."

    acts: tuple[Act, ...] = ()
    message: int = 0
    "The message's number; 0 until it is sent."

    final: bool = False
    "Whether nothing will change after the next edit."


_outgoing = msgspec.json.Decoder(TelegramPost)


def to_bytes(value: TelegramPost | Shown) -> bytes:
    """Encode a value for the journal."""
    return msgspec.json.encode(value)


def outgoing_from(raw: bytes) -> TelegramPost:
    """Decode a message. Raises msgspec.MsgspecError if another version has written it."""
    return _outgoing.decode(raw)
