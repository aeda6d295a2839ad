"""Decides what is stored of an update, if anything.

A bot that is connected to a personal account gets private conversations, and a bot in a group gets other people's. They
go no further than this file: a message with neither our links nor a command of the owner leaves no trace, not in the
journal, in a log or in a counter. Of a message with a link, only the links are stored, unless the owner wrote it to the
bot.

The owner commands with what they type themselves. Forwarded text, and text that another bot wrote under their name, is
read for links like anybody else's.
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
from shared.links.kinds import as_copybara
from shared.printable import as_command

_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# core.telegram.org/bots/features#deep-linking.

INLINE_PARAMETER = "inline"
"The parameter of the deep link that Telegram shows above the results of an inline query."

STAND_INS = frozenset({136_817_688, 777_000, 1_087_968_824})
"""The accounts that Telegram names instead of a hidden sender: Channel_Bot, Telegram itself and GroupAnonymousBot (Bot
API, Message: `from` "contains a fake sender user in non-channel chats")."""


@dataclass(frozen=True, slots=True)
class OwnBot:
    """Our own bot."""

    id: int
    name: str
    "Its user name."


class UpdateReader:
    """Reads updates for one bot and its owner."""

    def __init__(self, own: OwnBot, owner: int | None) -> None:
        self.owner = owner
        "The owner's id. None while nobody has claimed the bot."
        self._own = own

    def read(self, raw: Mapping[str, Any]) -> Incoming | None:
        """What is stored of one update as Telegram sent it. None: nothing.

        A malformed update may raise any exception.
        """
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
        if parameter := _start_parameter(text):
            text = _in_deep_link(parameter)
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
            return None  # a connected bot wrote it as the owner: an echo of our own message
        connection = message.business_connection_id or ""
        chat = TelegramChat(Way.BUSINESS, (connection, str(message.chat.id), message.chat.username or "")).chat
        text = _text(message)
        links = links_in(text)
        if self._is_owner(message.from_user):
            command = ADDRESSED.match(text)
            # Telegram itself sends greetings and absence notes (is_from_offline): nobody types them now. Chats between
            # people have no bot_command entities.
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
            if not by_owner and self._commands(above):
                return None  # somebody else points at what the owner wrote elsewhere
            who = "" if by_owner else self._brought_by(above)
            chat = TelegramChat(Way.GUEST, (message.guest_query_id or "", who)).chat
            found = self._links_from(above, links, chat)
            # The person who calls us as a guest counts, not the writer of the message that they point at.
            return found if by_owner else msgspec.structs.replace(found, sender=_sender(message))
        if self._commands(message) and words and words[0].lower().lstrip("/") in ABOUT_CALLS:
            return TelegramMessage(f"/{' '.join(words).lstrip('/')}", chat, from_owner=True)
        return None

    def _tap(self, query: CallbackQuery) -> Incoming | None:
        """Read a tap. Our buttons are only in the owner's own chat with us."""
        message = query.message
        if not self._is_owner(query.from_user) or message is None or message.chat.id != self.owner:
            return None
        if isinstance(message, Message) and (
            message.forward_origin is not None or message.from_user is None or message.from_user.id != self._own.id
        ):
            return None
        return Tapped(query.id, query.data or "", message.message_id)

    def _links_from(self, message: Message, links: str, chat: str) -> TelegramMessage:
        """Links in a chat with others. If the owner writes there, that says nothing about the links' origin."""
        if self._commands(message):
            return TelegramMessage(links, chat, from_owner=True)
        return self._from_others(message, links, chat)

    def _from_others(self, message: Message, links: str, chat: str) -> TelegramMessage:
        return TelegramMessage(links, chat, identity=_identity(message), sender=_sender(message))

    def _brought_by(self, message: Message) -> str:
        """The person who put a link into a chat with others, in the form that TelegramChat uses."""
        if self._commands(message):
            return ""
        identity = _identity(message)
        if identity is None:
            return HIDDEN
        return str(identity.user) if identity.user is not None else f"@{identity.bot or ''}"

    def _commands(self, message: Message) -> bool:
        """Whether the owner has typed the message themselves and under their own name."""
        return self._is_owner(message.from_user) and not _is_passed_on(message)

    def _is_owner(self, user: User | None) -> bool:
        return user is not None and user.id == self.owner


def _dated(entry: Incoming | None, message: Message) -> Incoming | None:
    if not isinstance(entry, TelegramMessage):
        return entry
    return msgspec.structs.replace(entry, date=int(message.date.timestamp()))


def _text(message: Message) -> str:
    """The readable text of a message, with the addresses behind its words.

    Of a command only the visible text counts: the owner didn't see an address behind it, and may have pasted it.
    """
    shown = message.text or message.caption or ""
    if (command := as_command(shown)).startswith("/"):
        return command[:MAX_MESSAGE]
    entities = message.entities or message.caption_entities
    hidden = [entity.url for entity in entities if entity.type == MessageEntity.TEXT_LINK and entity.url]
    return "\n".join([shown, *hidden])[:MAX_TEXT]


def _start_parameter(text: str) -> str | None:
    """The text after /start. None if the message isn't that command."""
    command = ADDRESSED.match(text)
    return text[command.end() :].strip() if command and command["word"] == "start" else None


def _in_deep_link(parameter: str) -> str:
    """What is read of a deep link, which arrives as /start PARAMETER: a link, even if it is damaged.

    Anybody may have made it, so it never counts as a command, not even as one without its slash.
    """
    if parameter == INLINE_PARAMETER:
        return "/start"
    if not _PARAMETER.fullmatch(parameter):
        return links_in(parameter)
    return parameter if links_in(parameter) else as_copybara(parameter)


def _is_passed_on(message: Message) -> bool:
    """Whether somebody other than the sender may have written the text.

    It was forwarded, written by an inline bot under the sender's name, sent by a connected bot, or sent in a chat's
    name.
    """
    return (
        message.forward_origin is not None
        or message.via_bot is not None
        or message.sender_business_bot is not None
        or message.sender_chat is not None
        or bool(message.is_automatic_forward)
    )


def _sender(message: Message) -> str:
    """The sender: the one account that Telegram names, or the chat if the message was sent in a chat's name."""
    if message.sender_chat is not None:
        return f"chat {message.sender_chat.id}"
    return f"user {message.from_user.id}" if message.from_user is not None else f"chat {message.chat.id}"


def _identity(message: Message) -> Identity | None:
    """The origin of a link, if that is one person or bot, and nobody has passed the link on."""
    sender = message.from_user
    if sender is None or _is_passed_on(message) or sender.id in STAND_INS:
        return None
    if sender.is_bot:
        return Identity(bot=sender.username, bot_id=sender.id, shown=sender.first_name)
    return Identity(user=sender.id, name=sender.username, shown=sender.first_name)
