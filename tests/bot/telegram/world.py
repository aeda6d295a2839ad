"""Telegram as far as a bot can see it: accounts, chats, and who gets which message. No HTTP in here.

Each rule names its source. "Bot API" is core.telegram.org/bots/api (10.0), "features" is
core.telegram.org/bots/features, "bot-to-bot" is core.telegram.org/api/bots/bot-to-bot, "guest" is .../guest-mode, and
"links" is core.telegram.org/api/links.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.bot.telegram import tdlib

START = re.compile(r"[A-Za-z0-9_-]{0,64}")
"Features, Deep linking: the start parameter takes A-Z, a-z, 0-9, _ and -, up to 64 characters."

DAY = 24 * 3600

GROUP_ANONYMOUS_BOT = {
    "id": 1_087_968_824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
CHANNEL_BOT = {"id": 136_817_688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
"Bot API, Message: for backward compatibility, `from` has these in messages of anonymous admins and channels."


class BadRequest(Exception):
    """A reply of the Bot API with 400, or with 403 for `forbidden`."""

    def __init__(self, description: str, code: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.parameters: dict[str, Any] = {}
        "Bot API, ResponseParameters."

        self.description = f"{'Forbidden' if code == 403 else 'Bad Request'}: {description}"


@dataclass(eq=False)
class Account:
    """A human or a bot."""

    id: int
    name: str
    username: str
    is_bot: bool = False

    def as_user(self) -> dict[str, Any]:
        """Bot API, User."""
        return {"id": self.id, "is_bot": self.is_bot, "first_name": self.name, "username": self.username}


@dataclass(eq=False)
class Chat:
    """A private chat of two, or a group."""

    members: list[Account]
    group: int = 0
    title: str = ""
    was: int = 0
    "Its number before it became a supergroup."

    messages: list[Message] = field(default_factory=list)
    admins: set[int] = field(default_factory=set)
    last_bot: Account | None = None

    def id_for(self, reader: Account) -> int:
        """The chat's number for a reader: a group has one number, a private chat the other person's."""
        return self.group or next(each.id for each in self.members if each is not reader)

    def as_chat(self, reader: Account) -> dict[str, Any]:
        """Bot API, Chat."""
        if self.group:
            return {"id": self.group, "type": "supergroup" if self.was else "group", "title": self.title}
        other = next(each for each in self.members if each is not reader)
        return {"id": other.id, "type": "private", "first_name": other.name, "username": other.username}


@dataclass(eq=False)
class Message:
    """One message, as everybody in the chat sees it."""

    id: int
    chat: Chat
    sender: Account
    text: str
    marked: list[dict[str, Any]] = field(default_factory=list)
    "TDLib's entities from its markup."
    rows: list[list[dict[str, Any]]] = field(default_factory=list)
    reply_to: Message | None = None
    through: Account | None = None
    "The bot that wrote it for the sender: inline, as a guest, or connected to their account."
    business: bool = False
    forwarded: bool = False
    under: Chat | None = None
    "The chat in whose name it was written: an anonymous admin's group, or a channel."
    quote: str = ""
    "The part of the other message that a reply quotes."
    date: int = 0
    edits: int = 0
    file: tuple[str, int] | None = None
    "Its name and its size in bytes."

    @property
    def links(self) -> list[str]:
        """The addresses that a tap in the text opens."""
        return tdlib.tappable(self.text, self.marked)

    def button(self, words: str) -> dict[str, Any]:
        """The button whose label has those words."""
        for button in (button for row in self.rows for button in row):
            if words in button["text"]:
                return button
        raise AssertionError(f"no button {words!r} under {self.text!r}: {self.rows}")


class BotAccount(Account):
    """A bot, with its owner's settings at BotFather, and its waiting updates."""

    def __init__(self, number: int, name: str, username: str, token: str) -> None:
        super().__init__(number, name, username, is_bot=True)
        self.token = token
        self.bot_to_bot = False
        self.privacy = True
        self.inline = False
        self.inline_feedback = False
        self.guest = False
        self.groups = True
        self.business = True
        self.updates: list[dict[str, Any]] = []
        self.allowed: list[str] | None = None
        self.started_by: set[int] = set()
        self.met: set[int] = set()
        "The users whose messages it has seen."
        self.blocked_by: set[int] = set()
        self.commands: dict[int, list[dict[str, Any]]] = {}
        self.delivered: list[int] = []


@dataclass
class Connection:
    """Bot API, BusinessConnection."""

    id: str
    bot: BotAccount
    user: Account
    can_reply: bool = True
    enabled: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "user": self.user.as_user(),
            "user_chat_id": self.user.id,
            "date": int(time.time()),
            "is_enabled": self.enabled,
            "rights": {"can_reply": self.can_reply, "can_read_messages": True},
        }


class World:
    """All accounts, chats and messages."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.chats: list[Chat] = []
        self.connections: dict[str, Connection] = {}
        self.taps: list[tuple[str, str]] = []
        "Who tapped what: the cost of a way."
        self.told: list[tuple[str, Message | str]] = []
        "Everything in order, for transcripts."
        self.queries: dict[str, dict[str, Any]] = {}
        "Callback, inline and guest queries that wait for an answer."
        self.clock_ahead = 0
        "How many seconds Telegram's clock is ahead of this machine's."
        self.news = asyncio.Condition()
        self._numbers = itertools.count(100)
        self._updates = itertools.count(50_000)

    # Accounts and chats.

    def human(self, number: int, name: str, username: str) -> Human:
        human = Human(number, name, username, world=self)
        self.accounts[number] = human
        return human

    def bot(self, number: int, name: str, username: str, token: str) -> BotAccount:
        bot = BotAccount(number, name, username, token)
        self.accounts[number] = bot
        return bot

    def group(self, title: str, *members: Account) -> Chat:
        chat = Chat(list(members), group=-next(self._numbers), title=title)
        self.chats.append(chat)
        return chat

    def becomes_supergroup(self, chat: Chat) -> None:
        """Turn a group into a supergroup, which happens when new members see its history: all numbers change."""
        chat.was, chat.group = chat.group, -1_000_000_000_000 - next(self._numbers)
        chat.messages.clear()

    def between(self, one: Account, other: Account) -> Chat:
        """The private chat of two accounts."""
        for chat in self.chats:
            if not chat.group and one in chat.members and other in chat.members:
                return chat
        chat = Chat([one, other])
        self.chats.append(chat)
        return chat

    def named(self, username: str) -> Account | None:
        return next((each for each in self.accounts.values() if each.username.lower() == username.lower()), None)

    def connect(self, bot: BotAccount, user: Account, *, can_reply: bool = True) -> Connection:
        """Connect the bot, as the owner does in Settings > Chat automation."""
        connection = Connection(f"bc{next(self._numbers)}", bot, user, can_reply)
        self.connections[connection.id] = connection
        self.update(bot, "business_connection", connection.as_json())
        return connection

    # Updates.

    def update(self, bot: BotAccount, kind: str, value: dict[str, Any], number: int | None = None) -> int:
        """Add an update for a bot, unless the bot doesn't want this kind."""
        number = next(self._updates) if number is None else number
        if isinstance(value.get("from"), dict):
            bot.met.add(value["from"]["id"])
        if bot.allowed is None or kind in bot.allowed:
            bot.updates.append({"update_id": number, kind: value})
            self.changed()
        return number

    def changed(self) -> None:
        """Wake everything that waits for something."""

        async def notify() -> None:
            async with self.news:
                self.news.notify_all()

        self._notifying = asyncio.get_running_loop().create_task(notify())

    async def until(self, what: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait until `what` returns something, and return that."""
        try:
            async with asyncio.timeout(seconds), self.news:
                while not (found := what()):
                    await self.news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"that didn't happen; the last messages:\n{self.latest()}") from None

    def latest(self) -> str:
        return "\n".join(
            f"  {each.sender.name} (to {[m.name for m in each.chat.members]}): {each.text}"
            for _, each in self.told[-14:]
            if isinstance(each, Message)
        )

    # Messages.

    def write(self, chat: Chat, sender: Account, text: str, **more: Any) -> Message:
        """Add a message to a chat. The bots that may see it get it."""
        now = int(time.time()) + self.clock_ahead
        message = Message(next(self._numbers), chat, sender, text, date=now, **more)
        chat.messages.append(message)
        self.told.append(("message", message))
        for number, member in enumerate(chat.members):
            if isinstance(member, BotAccount) and member is not sender and member is not message.through:
                if self._sees(member, message):
                    self.update(member, "message", self.as_json(message, member))
            elif not chat.group and isinstance(sender, Human):
                other = chat.members[1 - number]
                if isinstance(member, Human) and isinstance(other, Human):
                    self._business(member, other, message)
        self._guests(message)
        if isinstance(sender, BotAccount):
            chat.last_bot = sender
        self.changed()
        return message

    def _sees(self, bot: BotAccount, message: Message) -> bool:
        chat, sender = message.chat, message.sender
        author = message.through or sender
        command = re.match(r"/\w+(@(\w+))?", message.text)
        named = bool(command and command[2] and command[2].lower() == bot.username.lower())
        reply = message.reply_to is not None and message.reply_to.sender is bot
        if not chat.group:
            # Bot-to-bot, Communication in private chats: both bots need the mode.
            return not isinstance(sender, BotAccount) or (sender.bot_to_bot and bot.bot_to_bot)
        everything = not bot.privacy or bot.id in chat.admins
        if isinstance(author, BotAccount) and author is sender:
            # Bot-to-bot, Communication in group chats.
            if (named or reply) and (bot.bot_to_bot or author.bot_to_bot):
                return True
            return bot.bot_to_bot and everything
        # Features, Privacy mode: commands for the bot, general ones if it wrote last, and replies to it.
        general = bool(command and not command[2] and chat.last_bot is bot)
        return everything or named or reply or general

    def _business(self, user: Human, other: Account, message: Message) -> None:
        """Bot API, business_message: new messages of both people, in the chats of a connected account."""
        for connection in self.connections.values():
            if connection.user is user and connection.enabled:
                value = self.as_json(message, user)
                value["chat"] = {
                    "id": other.id,
                    "type": "private",
                    "first_name": other.name,
                    "username": other.username,
                }
                value["business_connection_id"] = connection.id
                if message.business and message.sender is user:
                    # Bot API, Message.sender_business_bot: only for messages of the connected account itself.
                    assert message.through is not None
                    value["sender_business_bot"] = message.through.as_user()
                self.update(connection.bot, "business_message", value)

    def _guests(self, message: Message) -> None:
        """Guest: a human calls a bot by mentioning it in any chat, up to three bots in one message."""
        if not isinstance(message.sender, Human) or message.through is not None:
            return
        names = list(dict.fromkeys(re.findall(r"@(\w+)", message.text)))[:3]
        for name in names:
            bot = self.named(name)
            if isinstance(bot, BotAccount) and bot.guest and bot not in message.chat.members:
                query = f"g{next(self._numbers)}"
                self.queries[query] = {"kind": "guest", "bot": bot, "chat": message.chat, "message": message}
                value = self.as_json(message, message.sender) | {"guest_query_id": query}
                self.update(bot, "guest_message", value)

    def as_json(self, message: Message, reader: Account) -> dict[str, Any]:
        """Bot API, Message."""
        value: dict[str, Any] = {
            "message_id": message.id,
            "date": message.date,
            "chat": message.chat.as_chat(reader),
            "from": message.sender.as_user(),
            "text": message.text,
        }
        entities = [_entity(each) for each in (*tdlib.found_in(message.text), *message.marked)]
        private_people = (
            not any(isinstance(each, BotAccount) for each in message.chat.members) and not message.chat.group
        )
        entities = [
            each for each in entities if each is not None and not (private_people and each["type"] == "bot_command")
        ]
        if entities:
            value["entities"] = entities
        if message.under is not None:
            # Bot API, Message: `sender_chat` is the chat, and `from` "contains a fake sender user".
            same = message.under is message.chat
            value["from"] = dict(GROUP_ANONYMOUS_BOT if same else CHANNEL_BOT)
            kind = {} if same else {"type": "channel"}
            value["sender_chat"] = {"id": message.under.group, "type": "group", "title": message.under.title} | kind
        if message.reply_to is not None:
            value["reply_to_message"] = self.as_json(message.reply_to, reader)
            if message.quote:
                # Bot API, TextQuote.
                value["quote"] = {"text": message.quote, "position": message.reply_to.text.index(message.quote)}
        if message.through is not None and not message.business:
            value["via_bot"] = message.through.as_user()
        if message.forwarded:
            value["forward_origin"] = {"type": "hidden_user", "date": message.date, "sender_user_name": "somebody"}
        if message.rows:
            value["reply_markup"] = {"inline_keyboard": message.rows}
        return value

    # Requests of a bot.

    def sends(self, bot: BotAccount, what: dict[str, Any]) -> Message:
        """Bot API, sendMessage."""
        text, marked = checked_text(what)
        rows = checked_rows(what.get("reply_markup"))
        if what.get("business_connection_id"):
            return self._sends_as_owner(bot, what, text, marked, rows)
        chat = self._chat_for(bot, what["chat_id"])
        reply = (what.get("reply_parameters") or {}).get("message_id")
        target = next((each for each in chat.messages if each.id == reply), None)
        if reply and target is None and not what["reply_parameters"].get("allow_sending_without_reply"):
            raise BadRequest("message to be replied not found")
        return self.write(chat, bot, text, marked=marked, rows=rows, reply_to=target)

    def _chat_for(self, bot: BotAccount, wanted: Any) -> Chat:
        name = str(wanted)
        if name.startswith("@"):
            other = self.named(name[1:])
            if other is None:
                raise BadRequest("chat not found")
            if not isinstance(other, BotAccount):
                raise BadRequest("chat not found")  # Bot API, chat_id: @names belong to channels, groups and bots
        else:
            for each in self.chats:
                if each.was == int(name):
                    moved = BadRequest("group chat was upgraded to a supergroup chat")
                    moved.parameters = {"migrate_to_chat_id": each.group}
                    raise moved
            group = next((each for each in self.chats if each.group == int(name)), None)
            if group is not None:
                if bot not in group.members:
                    raise BadRequest("bot is not a member of the group chat", 403)
                return group
            other = self.accounts.get(int(name))
            if other is None:
                raise BadRequest("chat not found")
        if isinstance(other, BotAccount):
            # Bot-to-bot, Communication in private chats: by user name, and with the mode on for both.
            if not (bot.bot_to_bot and other.bot_to_bot):
                raise BadRequest("bots can't send messages to bots", 403)
        elif other.id not in bot.started_by:
            raise BadRequest("bot can't initiate conversation with a user", 403)
        elif other.id in bot.blocked_by:
            raise BadRequest("bot was blocked by the user", 403)
        return self.between(bot, other)

    def _sends_as_owner(
        self, bot: BotAccount, what: dict[str, Any], text: str, marked: list[dict[str, Any]], rows: list[Any]
    ) -> Message:
        connection = self.connections.get(what["business_connection_id"])
        if connection is None or connection.bot is not bot or not connection.enabled:
            raise BadRequest("BUSINESS_CONNECTION_INVALID")
        if not connection.can_reply:
            # Bot API, BusinessBotRights.can_reply: send and edit in chats that had messages in the last 24 hours.
            raise BadRequest("BUSINESS_PEER_USAGE_MISSING")
        other = self.accounts.get(int(what["chat_id"]))
        if other is None:
            raise BadRequest("BUSINESS_PEER_INVALID")
        chat = self.between(connection.user, other)
        heard = [each for each in chat.messages if each.sender is other and each.date > time.time() - DAY]
        if not heard:
            raise BadRequest("BUSINESS_PEER_USAGE_MISSING")
        return self.write(chat, connection.user, text, marked=marked, rows=rows, through=bot, business=True)

    def edits(self, bot: BotAccount, what: dict[str, Any]) -> Message:
        """Bot API, editMessageText."""
        text, marked = checked_text(what)
        return self._edited(bot, self._to_edit(bot, what), text, marked, checked_rows(what.get("reply_markup")))

    def edits_buttons(self, bot: BotAccount, what: dict[str, Any]) -> Message:
        """Bot API, editMessageReplyMarkup."""
        message = self._to_edit(bot, what)
        return self._edited(bot, message, message.text, message.marked, checked_rows(what.get("reply_markup")))

    def _to_edit(self, bot: BotAccount, what: dict[str, Any]) -> Message:
        chat = self._chat_for(bot, what["chat_id"])
        message = next((each for each in chat.messages if each.id == int(what["message_id"])), None)
        if message is None:
            raise BadRequest("message to edit not found")
        if message.sender is not bot:
            raise BadRequest("message can't be edited")
        return message

    def _edited(self, bot: BotAccount, message: Message, text: str, marked: Any, rows: Any) -> Message:
        if (message.text, message.marked, message.rows) == (text, marked, rows):
            raise BadRequest(
                "message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )
        message.text, message.marked, message.rows = text, marked, rows
        message.edits += 1
        self.told.append(("edit", message))
        self.changed()
        return message

    def answers(self, bot: BotAccount, kind: str, query: str) -> dict[str, Any]:
        """The query of that kind. It may be answered once. Bot API: answerCallbackQuery and others."""
        waiting = self.queries.get(query)
        if waiting is None or waiting["kind"] != kind or waiting["bot"] is not bot or "answer" in waiting:
            raise BadRequest("query is too old and response timeout expired or query ID is invalid")
        return waiting


class Human(Account):
    """A person who types and taps."""

    def __init__(self, number: int, name: str, username: str, *, world: World) -> None:
        super().__init__(number, name, username)
        self.world = world

    def says(self, chat: Chat, text: str, **more: Any) -> Message:
        """Type something, or paste it."""
        if not chat.group:
            other = next(each for each in chat.members if each is not self)
            if isinstance(other, BotAccount):
                other.started_by.add(self.id)
        return self.world.write(chat, self, text, **more)

    def tells(self, bot: BotAccount, text: str, **more: Any) -> Message:
        """Type something in the private chat with a bot."""
        return self.says(self.world.between(self, bot), text, **more)

    def taps_link(self, address: str) -> Chat | tuple[Chat, str]:
        """Tap an address of Telegram: it starts a bot, or opens a chat with a draft."""
        self.world.taps.append((self.name, "a link"))
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("https", "t.me"), address
        values = parse_qs(parts.query, keep_blank_values=True)
        other = self.world.named(parts.path.strip("/"))
        assert other is not None, address
        chat = self.world.between(self, other)
        if "start" in values:
            assert isinstance(other, BotAccount)
            parameter = values["start"][0]
            assert START.fullmatch(parameter), f"Telegram would cut or refuse this start parameter: {parameter}"
            self.world.told.append((f"{self.name} taps the link", ""))
            self.says(chat, f"/start {parameter}")
            return chat
        return chat, unquote(values["text"][0])

    def taps_button(self, message: Message, words: str) -> Any:
        """Tap a button. Returns what it copies, opens, or does."""
        button = message.button(words)
        self.world.taps.append((self.name, words))
        if "copy_text" in button:
            return button["copy_text"]["text"]
        if "url" in button:
            return button["url"]
        bot = message.sender
        assert isinstance(bot, BotAccount)
        self.world.told.append((f"{self.name} taps [{button['text']}]", ""))
        query = f"c{next(self.world._numbers)}"
        self.world.queries[query] = {"kind": "callback", "bot": bot}
        value = {
            "id": query,
            "from": self.as_user(),
            "chat_instance": "1",
            "data": button["callback_data"],
            "message": self.world.as_json(message, self if message.chat.group else bot),
        }
        self.world.update(bot, "callback_query", value)
        return query

    async def answer_to(self, query: str) -> dict[str, Any]:
        """A bot's answer to a query."""
        await self.world.until(lambda: "answer" in self.world.queries[query])
        return dict(self.world.queries[query]["answer"])

    def types_inline(self, bot: BotAccount, text: str) -> str:
        """Type `@bot text` in any chat, without sending it."""
        assert bot.inline, "Bot API, Inline mode: it has to be switched on with BotFather"
        assert len(text) <= 256, "Bot API, InlineQuery: up to 256 characters"
        query = f"i{next(self.world._numbers)}"
        self.world.queries[query] = {"kind": "inline", "bot": bot}
        value = {"id": query, "from": self.as_user(), "query": text, "offset": "", "chat_type": "private"}
        self.world.update(bot, "inline_query", value)
        return query

    def chooses(self, bot: BotAccount, query: str, result: dict[str, Any], chat: Chat) -> Message:
        """Tap a result, which is sent as the human's own message."""
        self.world.taps.append((self.name, "a result"))
        text, marked = checked_text(
            {**result["input_message_content"], "text": result["input_message_content"]["message_text"]}
        )
        message = self.world.write(chat, self, text, marked=marked, through=bot)
        if bot.inline_feedback:
            # Bot API, ChosenInlineResult: only with feedback on, and even then not always.
            value = {"result_id": result["id"], "from": self.as_user(), "query": ""}
            self.world.update(bot, "chosen_inline_result", value)
        return message


def checked_text(what: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """A text as TDLib reads it. Raises BadRequest as Telegram does, and AssertionError for what we never want."""
    assert what.get("parse_mode") == "HTML"
    assert (what.get("link_preview_options") or {}).get("is_disabled") is True, "link previews are always off"
    try:
        text, marked = tdlib.parse_html(what.get("text", ""))
    except tdlib.ParseError as error:
        raise BadRequest(str(error)) from None
    if not text.strip():
        raise BadRequest("message text is empty")  # Bot API, sendMessage: 1-4096 characters after entities parsing
    if len(text.encode("utf-16-le")) // 2 > 4096:
        raise BadRequest("message is too long")
    return text, marked


def checked_rows(markup: dict[str, Any] | None) -> list[list[dict[str, Any]]]:
    """An inline keyboard. Bot API, InlineKeyboardButton. Raises BadRequest."""
    rows: list[list[dict[str, Any]]] = (markup or {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        kinds = [kind for kind in ("callback_data", "url", "copy_text") if kind in button]
        if not button.get("text") or len(kinds) != 1:
            raise BadRequest("inline keyboard button must have exactly one type and a text")
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
            raise BadRequest("BUTTON_DATA_INVALID")
        if "copy_text" in button and not 1 <= len(button["copy_text"]["text"]) <= 256:
            raise BadRequest("BUTTON_COPY_TEXT_INVALID")
        if "url" in button:
            parts = urlsplit(button["url"])
            if parts.scheme not in ("http", "https", "tg"):
                raise BadRequest(f"inline keyboard button URL '{button['url']}' is invalid: Unsupported URL protocol")
            if parts.scheme != "tg" and "." not in (parts.hostname or ""):
                raise BadRequest(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return rows


_NAMES = {
    "textEntityTypeUrl": "url",
    "textEntityTypeTextUrl": "text_link",
    "textEntityTypeBotCommand": "bot_command",
    "textEntityTypeMention": "mention",
    "textEntityTypeCode": "code",
}


def _entity(each: dict[str, Any]) -> dict[str, Any] | None:
    """TDLib's entity in the Bot API's form (MessageEntity)."""
    kind = _NAMES.get(each["type"]["@type"])
    if kind is None:
        return None
    value = {"type": kind, "offset": each["offset"], "length": each["length"]}
    return value | ({"url": each["type"]["url"]} if kind == "text_link" else {})
