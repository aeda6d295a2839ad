"""From an update to what is kept of it, or to nothing.

A bot that is connected to a personal account reads private talk that is none of its business, and one in a group reads
other people's. Here is where that ends: what holds neither our links nor a command of the owner's leaves nothing
behind, not a row, not a line in a log, not a number in a counter. Of a message with a link only the links are kept,
unless the owner wrote it to the bot.

The owner commands by what they type, with their own hand: text that was forwarded, or that another bot wrote under
their name, is read for links like anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from telegram import CallbackQuery, Message, MessageEntity, Update, User
from telegram.constants import ChatType

from bot.conversation import MAX_MESSAGE, Identity
from bot.messengers.kept_text import ABOUT_CALLS, ADDRESSED, links_in
from bot.messengers.telegram.conversations import HIDDEN, OWNER, TelegramChat, Way
from bot.messengers.telegram.incoming import (
    Asked,
    Chosen,
    Claimed,
    Connection,
    Greeted,
    Incoming,
    Tapped,
    TelegramMessage,
)
from shared.links.finding import MAX_TEXT
from shared.printable import as_command

_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# core.telegram.org/bots/features#deep-linking.

STAND_INS = frozenset({136_817_688, 777_000, 1_087_968_824})
"""The accounts that Telegram names instead of a hidden sender: Channel_Bot, Telegram itself and
GroupAnonymousBot (Bot API, Message: `from` "contains a fake sender user in non-channel chats").
"""


@dataclass(frozen=True, slots=True)
class OwnBot:
    """The bot that we are."""

    id: int
    name: str
    "Its user name."


class UpdateReader:
    """Reads updates for one bot and its owner."""

    def __init__(self, own: OwnBot, owner: int | None) -> None:
        self.owner = owner
        "The owner's id; None as long as nobody has claimed the bot."
        self._own = own

    def read(self, raw: Mapping[str, Any]) -> Incoming | None:
        """What is kept of one update as Telegram wrote it. None: nothing. Raises whatever a strange update makes."""
        update = Update.de_json(dict(raw), None)
        if update.message is not None:
            return _dated(self._message(update.message), update.message)
        if update.business_message is not None:
            return _dated(self._business(update.business_message), update.business_message)
        if update.guest_message is not None:
            return _dated(self._guest(update.guest_message), update.guest_message)
        if (query := update.callback_query) is not None:
            return self._tap(query)
        if (question := update.inline_query) is not None:
            return Asked(question.id, question.query) if self._is_owner(question.from_user) else None
        if (chosen := update.chosen_inline_result) is not None:
            return Chosen(chosen.result_id) if self._is_owner(chosen.from_user) else None
        if (connection := update.business_connection) is not None and self._is_owner(connection.user):
            can_reply = connection.rights is not None and bool(connection.rights.can_reply)
            return Connection(connection.id, connection.is_enabled, can_reply)
        return None

    def _message(self, message: Message) -> Incoming | None:
        if message.from_user is None or message.from_user.id == self._own.id:
            return None
        if message.chat.type == ChatType.PRIVATE:
            return self._private(message, message.from_user)
        if message.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP):
            return self._group(message)
        return None

    def _private(self, message: Message, sender: User) -> Incoming | None:
        text = _text(message)
        if self._is_owner(sender):
            return self._from_owner_alone(message, text)
        links = links_in(text)
        if sender.is_bot:
            chat = TelegramChat(Way.BOT, (sender.username or "",)).chat
            return self._from_others(message, links, chat) if links else None
        if links:
            return self._from_others(message, links, TelegramChat(Way.PERSON, (str(sender.id),)).chat)
        if self.owner is None:
            return Claimed(_start_parameter(text) or "", sender.id)
        return Greeted(sender.id)

    def _from_owner_alone(self, message: Message, text: str) -> TelegramMessage:
        if _is_passed_on(message):
            return TelegramMessage(links_in(text), OWNER.chat, from_owner=True, alone=True, passed_on=True)
        # A deep link arrives as /start TOKEN. Anybody may have made it, so it is no command, whatever it says.
        parameter = _start_parameter(text)
        if parameter:
            text = parameter if _PARAMETER.fullmatch(parameter) else links_in(parameter)
        return TelegramMessage(text, OWNER.chat, from_owner=True, alone=True)

    def _group(self, message: Message) -> Incoming | None:
        text = _text(message)
        command = ADDRESSED.match(text)
        if command and command["bot"] and command["bot"].lower() != self._own.name.lower():
            return None
        who = self._brought_by(message)
        chat = TelegramChat(Way.GROUP, (str(message.chat.id), str(message.message_id), who)).chat
        if links := links_in(text):
            return self._links_from(message, links, chat)
        if command and self._commands(message):
            return TelegramMessage(text[: command.end("word")] + text[command.end() :], chat, from_owner=True)
        return None

    def _business(self, message: Message) -> Incoming | None:
        if message.sender_business_bot is not None:
            return None  # what a connected bot has written as the owner: an echo
        connection = message.business_connection_id or ""
        chat = TelegramChat(Way.BUSINESS, (connection, str(message.chat.id), message.chat.username or "")).chat
        text = _text(message)
        links = links_in(text)
        if self._is_owner(message.from_user):
            command = ADDRESSED.match(text)
            # Telegram itself sends greetings and notes of absence (is_from_offline): nobody has typed them now.
            # There are no bot_command entities in a chat between people.
            if not self._commands(message) or links or command is None or command["bot"] or message.is_from_offline:
                return None
            return TelegramMessage(text, chat, from_owner=True) if command["word"].lower() in ABOUT_CALLS else None
        return self._from_others(message, links, chat) if links else None

    def _guest(self, message: Message) -> Incoming | None:
        text = _text(message)
        words = re.sub(rf"@{re.escape(self._own.name)}\b", " ", text, flags=re.IGNORECASE).split()
        above = message.reply_to_message
        chat = TelegramChat(Way.GUEST, (message.guest_query_id or "", self._brought_by(message))).chat
        if links := links_in(text):
            return self._links_from(message, links, chat)
        if above is not None and (links := links_in(_text(above))):
            by_owner = self._commands(message)
            who = "" if by_owner else self._brought_by(above)
            chat = TelegramChat(Way.GUEST, (message.guest_query_id or "", who)).chat
            found = self._links_from(above, links, chat)
            # Who calls us as a guest counts, not who has written what they point at.
            return found if by_owner else msgspec.structs.replace(found, sender=_sender(message))
        if self._commands(message) and words and words[0].lower().lstrip("/") in ABOUT_CALLS:
            return TelegramMessage(f"/{' '.join(words).lstrip('/')}", chat, from_owner=True)
        return None

    def _tap(self, query: CallbackQuery) -> Incoming | None:
        """Our buttons are in the owner's own chat with us, and nowhere else."""
        message = query.message
        if not self._is_owner(query.from_user) or message is None or message.chat.id != self.owner:
            return None
        if isinstance(message, Message) and (
            message.forward_origin is not None or message.from_user is None or message.from_user.id != self._own.id
        ):
            return None
        return Tapped(query.id, query.data or "", message.message_id)

    def _links_from(self, message: Message, links: str, chat: str) -> TelegramMessage:
        """Links that stand in a chat with others. What the owner writes there says nothing of where links are from."""
        if self._commands(message):
            return TelegramMessage(links, chat, from_owner=True)
        return self._from_others(message, links, chat)

    def _from_others(self, message: Message, links: str, chat: str) -> TelegramMessage:
        return TelegramMessage(links, chat, identity=_identity(message), sender=_sender(message))

    def _brought_by(self, message: Message) -> str:
        """Who has put a link into a chat with others, as its TelegramChat has it."""
        if self._commands(message):
            return ""
        identity = _identity(message)
        if identity is None:
            return HIDDEN
        return str(identity.user) if identity.user is not None else f"@{identity.bot or ''}"

    def _commands(self, message: Message) -> bool:
        """Whether the owner has typed it, with their own hand and under their own name."""
        return self._is_owner(message.from_user) and not _is_passed_on(message)

    def _is_owner(self, user: User | None) -> bool:
        return user is not None and user.id == self.owner


def _dated(entry: Incoming | None, message: Message) -> Incoming | None:
    if not isinstance(entry, TelegramMessage):
        return entry
    return msgspec.structs.replace(entry, date=int(message.date.timestamp()))


def _text(message: Message) -> str:
    """What can be read in a message, with the addresses behind its words. A command is what stands there and no more:
    the owner didn't see what is behind it, and may have pasted it with the words.
    """
    shown = message.text or message.caption or ""
    if (command := as_command(shown)).startswith("/"):
        return command[:MAX_MESSAGE]
    entities = message.entities or message.caption_entities
    hidden = [entity.url for entity in entities if entity.type == MessageEntity.TEXT_LINK and entity.url]
    return "\n".join([shown, *hidden])[:MAX_TEXT]


def _start_parameter(text: str) -> str | None:
    """What follows /start; None if it isn't that command."""
    command = ADDRESSED.match(text)
    return text[command.end() :].strip() if command and command["word"] == "start" else None


def _is_passed_on(message: Message) -> bool:
    """Whether somebody else than the sender may have written the text: it was forwarded, written by an inline bot under
    the sender's name, sent by a connected bot, or in the name of a chat.
    """
    return (
        message.forward_origin is not None
        or message.via_bot is not None
        or message.sender_business_bot is not None
        or message.sender_chat is not None
        or bool(message.is_automatic_forward)
    )


def _sender(message: Message) -> str:
    """Who has sent a message: the one account that Telegram names, a chat where it was written in a chat's name."""
    if message.sender_chat is not None:
        return f"chat {message.sender_chat.id}"
    return f"user {message.from_user.id}" if message.from_user is not None else f"chat {message.chat.id}"


def _identity(message: Message) -> Identity | None:
    """Who a link is from, if that is one person or one bot, and nobody has passed it on."""
    sender = message.from_user
    if sender is None or _is_passed_on(message) or sender.id in STAND_INS:
        return None
    if sender.is_bot:
        return Identity(bot=sender.username, bot_id=sender.id, shown=sender.first_name)
    return Identity(user=sender.id, name=sender.username, shown=sender.first_name)
