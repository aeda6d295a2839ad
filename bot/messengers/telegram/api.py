"""The methods of Telegram's Bot API that we use. Each raises TelegramError; faults.py decides what happens then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    BusinessConnection,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputFile,
    InputTextMessageContent,
    LinkPreviewOptions,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated

from bot.messengers.clock import Clock
from bot.messengers.telegram.buttons import Rows
from bot.messengers.telegram.http import Http, NotTelegram
from bot.messengers.telegram.limits import (
    ALLOWED_UPDATES,
    CALLBACK_ANSWER_CHARACTERS,
    FILE_BYTES,
    FILE_SECONDS,
    INLINE_BUTTON_CHARACTERS,
    POLL_SECONDS,
    REPLY_SECONDS,
    UPDATES_AT_ONCE,
)
from bot.messengers.telegram.outgoing import TelegramPost
from bot.messengers.telegram.token import BotToken
from bot.messengers.telegram.update_reader import INLINE_PARAMETER, OwnBot
from bot.texts.chat import shown

COMMANDS = (
    ("call", "call a contact: /call anna, or /call anna audio"),
    ("answer", "answer the call that is ringing"),
    ("decline", "refuse it"),
    ("hangup", "end the call"),
    ("differ", "the four words of the call differ: end it"),
    ("hold", "put the call on hold"),
    ("resume", "take it off hold"),
    ("swap", "change over to the call on hold"),
    ("record", "record the call, which the other side sees"),
    ("say", "write a line to the other side of the call"),
    ("name", "what a name like anna.azero stands for"),
    ("log", "your latest calls"),
    ("contacts", "your contacts"),
    ("card", "your own contact card"),
    ("invite", "a text for a friend who has no Copybara yet"),
    ("handset", "the page to talk at, on the computer"),
    ("devices", "talk on your phone: add it, list, remove"),
    ("status", "what is going on"),
    ("help", "all commands"),
)

OF_THE_PAGE = ("handset", "devices")

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Api:
    """The requests of one bot."""

    def __init__(self, token: BotToken, base_url: str, clock: Clock) -> None:
        """`clock` is set by the dates in Telegram's replies."""
        # Two pools, so that a long poll doesn't block other requests. The library's own initialization isn't used,
        # because it fails without a network and puts the token into the error.
        self._requests = (Http(8, clock), Http(1, clock))
        self._bot, self._polling = (
            Bot(token.reveal(), base_url=f"{base_url.rstrip('/')}/bot", request=each, get_updates_request=each)
            for each in self._requests
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Close all connections at the end of the block. Sends nothing on its own."""
        try:
            yield
        finally:
            for each in self._requests:
                await each.shutdown()

    async def me(self) -> OwnBot:
        """The bot's own account."""
        user = await self._bot.get_me()
        return OwnBot(user.id, user.username or "")

    async def updates(self, offset: int | None, *, wait: bool) -> list[dict[str, Any]]:
        """The updates from `offset` on, as Telegram sent them. This confirms and deletes the updates before `offset`.

        `wait`: whether to wait for an update if there is none.

        Bot.get_updates isn't used, because it drops the whole batch if it can't read one update.
        """
        found = await _call(
            self._polling,
            "getupdates",
            {
                "offset": offset,
                "limit": UPDATES_AT_ONCE,
                "timeout": POLL_SECONDS if wait else 0,
                "allowed_updates": list(ALLOWED_UPDATES),
            },
            read_timeout=POLL_SECONDS + REPLY_SECONDS,
        )
        return checked_updates(found)

    async def send(self, message: TelegramPost, owner: int) -> int:
        """Send a message. Returns its number; 0 for an answer to a guest query."""
        if message.guest:
            article = _article("call", "Call", message.text)
            await _call(self._bot, "answerguestquery", {"guest_query_id": message.guest, "result": article})
            return 0
        if message.file:
            return await self._send_file(message, owner)
        reply = ReplyParameters(message.reply_to, allow_sending_without_reply=True) if message.reply_to else None
        return await self._message(
            "sendmessage",
            {
                "chat_id": message.chat or owner,
                "text": message.text,
                "parse_mode": ParseMode.HTML,
                "link_preview_options": _NO_PREVIEW,
                "reply_markup": _keyboard(message.rows),
                "business_connection_id": message.business or None,
                "reply_parameters": reply,
            },
        )

    async def _send_file(self, message: TelegramPost, owner: int) -> int:
        path = Path(message.file)
        content = await asyncio.to_thread(_content, path)
        if content is None:
            raise BadRequest("the file is gone, or too big for Telegram")
        return await self._message(
            "senddocument",
            {
                "chat_id": message.chat or owner,
                "document": InputFile(content, filename=path.name),
                "caption": message.text,
                "parse_mode": ParseMode.HTML,
            },
            write_timeout=FILE_SECONDS,
        )

    async def _message(self, method: str, what: dict[str, Any], **limits: Any) -> int:
        """Send something. Returns the number of the message.

        Bot.send_message isn't used: even if the library can't read Telegram's reply, Telegram has taken the message.
        """
        try:
            sent = await _call(self._bot, method, what, **limits)
        except ChatMigrated as moved:
            # The group has become a supergroup. It now has another number, and so do its messages.
            there = {**what, "chat_id": moved.new_chat_id, "reply_parameters": None}
            sent = await _call(self._bot, method, there, **limits)
        number = sent.get("message_id") if isinstance(sent, dict) else None
        if not isinstance(number, int):
            raise NotTelegram("a message without a number")
        return number

    async def edit(self, owner: int, number: int, text: str, rows: Rows) -> None:
        """Update a message in the owner's chat. If nothing has changed, that is no error."""
        try:
            await _call(
                self._bot,
                "editmessagetext",
                {
                    "chat_id": owner,
                    "message_id": number,
                    "text": text,
                    "parse_mode": ParseMode.HTML,
                    "link_preview_options": _NO_PREVIEW,
                    "reply_markup": _keyboard(rows),
                },
            )
        except BadRequest as error:
            if "not modified" not in error.message:
                raise

    async def without_buttons(self, owner: int, number: int) -> None:
        """Remove the buttons of a message in the owner's chat."""
        await _call(self._bot, "editmessagereplymarkup", {"chat_id": owner, "message_id": number})

    async def user_name(self, user: int) -> str:
        """A user's current name without @. Empty if they have none."""
        chat = await _call(self._bot, "getchat", {"chat_id": user})
        name = chat.get("username") if isinstance(chat, dict) else None
        return name if isinstance(name, str) else ""

    async def answer_tap(self, query: str, text: str, *, alert: bool = False) -> None:
        """Show a short text to the person who tapped a button."""
        await self._bot.answer_callback_query(query, text[:CALLBACK_ANSWER_CHARACTERS], show_alert=alert)

    async def answer_question(self, query: str, *, result: tuple[str, str, str] | None = None, hint: str = "") -> None:
        """Answer an inline query with one result (id, title, HTML) or none.

        Only that person gets it, and it isn't cached.
        """
        await self._bot.answer_inline_query(
            query,
            [_article(*result)] if result else [],
            cache_time=0,
            is_personal=True,
            button=InlineQueryResultsButton(shown(hint, INLINE_BUTTON_CHARACTERS - 1), start_parameter=INLINE_PARAMETER)
            if hint
            else None,
        )

    async def connection(self, number: str) -> BusinessConnection:
        """A connection to a personal account."""
        return await self._bot.get_business_connection(number)

    async def show_commands(self, owner: int, *, page: bool) -> None:
        """Show the commands in the owner's chat only. `page`: whether there is a handset page."""
        commands = [BotCommand(name, words) for name, words in COMMANDS if page or name not in OF_THE_PAGE]
        await self._bot.set_my_commands(commands, scope=BotCommandScopeChat(owner))


def checked_updates(found: object) -> list[dict[str, Any]]:
    """Check the result of getUpdates: objects with numbers that fit the journal. Raises NotTelegram."""
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and type(number := each.get("update_id")) is int and 0 <= number < 1 << 63
        for each in found
    ):
        raise NotTelegram("updates that aren't any")
    return found


async def _call(bot: Bot, method: str, what: dict[str, Any], **limits: Any) -> Any:
    """Make a request, and return its result as Telegram sent it."""
    # "All methods in the Bot API are case-insensitive", and the library accepts the name in lower case.
    parameters = {name: value for name, value in what.items() if value is not None}
    return await bot.do_api_request(method, api_kwargs=parameters, **limits)


def _content(path: Path) -> bytes | None:
    """The content of a file. None if it is missing or too large to send."""
    try:
        return path.read_bytes() if path.stat().st_size <= FILE_BYTES else None
    except OSError:
        return None


def _keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(
                    button.text,
                    callback_data=button.data or None,
                    url=button.url or None,
                    copy_text=CopyTextButton(button.copy) if button.copy else None,
                )
                for button in row
            ]
            for row in rows
        ]
    )


def _article(number: str, title: str, text: str) -> InlineQueryResultArticle:
    content = InputTextMessageContent(text, parse_mode=ParseMode.HTML, link_preview_options=_NO_PREVIEW)
    return InlineQueryResultArticle(number, title, content)
