"""The Bot API as a server: JSON over HTTP, its errors and long polls, and the faults that tests want."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.bot.loopback_server import LoopbackServer
from tests.bot.telegram.world import BadRequest, BotAccount, World, checked_rows, checked_text

Answer = dict[str, Any]
Fault = Callable[[BotAccount, str], Awaitable[web.StreamResponse | None]]
"Gets the bot and the method. Returns a response that replaces the real one, or None."


class Drop(Exception):
    """Close the connection without a reply."""


class Server(LoopbackServer):
    """Serves one world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.sets_settings = True
        "Whether it implements Bot API 10.5 or newer."

        self.world = world
        self.requests: list[tuple[str, str, Answer]] = []
        "Every request: the bot's user name, the method, the parameters."
        self.after: Fault | None = None
        "Called after a request was carried out and before its reply."
        self.before: Fault | None = None
        "Called before a request is carried out."
        self.slow: dict[int | str, float] = {}
        "The seconds between two messages of slow chats, by the id in requests. Other chats may get any number."
        self.full: dict[int | str, float] = {}
        "When such a chat may get the next message, in the loop's time."
        self.refused: list[tuple[int | str, str]] = []
        "Messages that got error 429."
        self._polls: dict[int, asyncio.Event] = {}

    @property
    def url(self) -> str:
        """Its address for the configuration."""
        return self.address

    def application(self) -> web.Application:
        """One handler for all methods."""
        application = web.Application()
        application.router.add_route("*", "/bot{token}/{method}", self._serve)  # Bot API: GET and POST
        return application

    async def release(self) -> None:
        """Reply to every waiting poll."""
        for event in self._polls.values():
            event.set()

    def count(self, bot: BotAccount, method: str) -> int:
        """How many times a bot has called a method."""
        return sum(name == bot.username and asked == method for name, asked, _ in self.requests)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        bot = next(
            (
                each
                for each in self.world.accounts.values()
                if isinstance(each, BotAccount) and each.token == request.match_info["token"]
            ),
            None,
        )
        if bot is None:
            # Bot API, Making requests: 401 for a token that isn't valid, or no longer is.
            return _json({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        # Bot API, Making requests: all methods are case-insensitive.
        method = request.match_info["method"].lower()
        serve = getattr(self, f"_on_{method}", None)
        if serve is None:
            return _json({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
        what = _parameters(dict(await request.post()))
        self.requests.append((bot.username, method, what))
        self.world.changed()
        try:
            if (limited := self._limited(method, what)) is not None:
                return limited
            if self.before and (response := await self.before(bot, method)) is not None:
                return response
            answer = _json({"ok": True, "result": await serve(bot, what)})
            if self.after and (response := await self.after(bot, method)) is not None:
                return response
        except Drop:
            if request.transport is not None:
                request.transport.close()
            return _json({})
        except BadRequest as error:
            parameters = {"parameters": error.parameters} if error.parameters else {}
            said = {"ok": False, "error_code": error.code, "description": error.description, **parameters}
            return _json(said, error.code)
        return answer

    def _limited(self, method: str, what: Answer) -> web.Response | None:
        """Bot API FAQ, My bot is hitting limits: a chat that gets too many messages returns 429, the others don't."""
        chat = what.get("chat_id")
        if chat not in self.slow or method not in ("sendmessage", "editmessagetext", "senddocument"):
            return None
        now = asyncio.get_running_loop().time()
        if now < self.full.get(chat, 0.0):
            self.refused.append((chat, what.get("text", "")))
            wait = math.ceil(self.full[chat] - now)
            return error(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        self.full[chat] = now + self.slow[chat]
        return None

    # The methods.

    async def _on_getme(self, bot: BotAccount, _: Answer) -> Any:
        return bot.as_user() | {
            "can_join_groups": bot.groups,
            "can_read_all_group_messages": not bot.privacy,
            "supports_inline_queries": bot.inline,
            "supports_guest_queries": bot.guest,
            "can_connect_to_business": bot.business,
        }

    async def _on_setmysettings(self, bot: BotAccount, what: Answer) -> Any:
        """Bot API 10.5. Settings that aren't named don't change."""
        if not self.sets_settings:
            raise BadRequest("method not found")
        names = {
            "supports_inline_queries": "inline",
            "can_join_groups": "groups",
            "can_connect_to_business": "business",
            "supports_guest_queries": "guest",
            "can_communicate_with_bots": "bot_to_bot",
        }
        for name, value in what.items():
            if name == "inline_feedback_share_denominator":
                assert value in (0, 1, 10, 100, 1000)
                bot.inline_feedback = value == 1
            else:
                setattr(bot, names[name], value)
        return True

    async def _on_getupdates(self, bot: BotAccount, what: Answer) -> Any:
        if "allowed_updates" in what:
            bot.allowed = what["allowed_updates"]
        if (offset := what.get("offset")) is not None:
            # Bot API, getUpdates: an update is confirmed once a higher offset is requested.
            bot.updates = [each for each in bot.updates if each["update_id"] >= offset]
        if (before := self._polls.get(bot.id)) is not None:
            before.set()
        mine = self._polls[bot.id] = asyncio.Event()
        try:
            async with asyncio.timeout(min(float(what.get("timeout", 0)), 60.0)):
                async with self.world.news:
                    while not bot.updates and not mine.is_set():
                        await self.world.news.wait()
        except TimeoutError:
            pass
        if mine.is_set():
            # Documented for getUpdates: two of the same bot don't work at once.
            raise Conflicted
        del self._polls[bot.id]
        limit = what.get("limit", 100)
        assert 1 <= limit <= 100
        found = bot.updates[:limit]
        bot.delivered += [each["update_id"] for each in found]
        return found

    async def _on_sendmessage(self, bot: BotAccount, what: Answer) -> Any:
        message = self.world.sends(bot, what)
        return self.world.as_json(message, bot)

    async def _on_senddocument(self, bot: BotAccount, what: Answer) -> Any:
        text, marked = checked_text(
            {"text": what["caption"], "parse_mode": what["parse_mode"], "link_preview_options": {"is_disabled": True}}
        )
        if len(text) > 1024:
            raise BadRequest("message caption is too long")
        document = what["document"]
        content = document.file.read()
        assert len(content) <= 50 * 10**6
        chat = self.world._chat_for(bot, what["chat_id"])
        message = self.world.write(chat, bot, text, marked=marked, file=(document.filename, len(content)))
        return self.world.as_json(message, bot)

    async def _on_editmessagetext(self, bot: BotAccount, what: Answer) -> Any:
        return self.world.as_json(self.world.edits(bot, what), bot)

    async def _on_editmessagereplymarkup(self, bot: BotAccount, what: Answer) -> Any:
        return self.world.as_json(self.world.edits_buttons(bot, what), bot)

    async def _on_answercallbackquery(self, bot: BotAccount, what: Answer) -> Any:
        waiting = self.world.answers(bot, "callback", what["callback_query_id"])
        assert len(what.get("text", "")) <= 200
        waiting["answer"] = what
        if text := what.get("text"):
            self.world.told.append((f"a note: {text}", ""))
        self.world.changed()
        return True

    async def _on_answerinlinequery(self, bot: BotAccount, what: Answer) -> Any:
        waiting = self.world.answers(bot, "inline", what["inline_query_id"])
        results = what["results"]
        assert what["cache_time"] == 0
        assert what["is_personal"] is True
        if len(results) > 50:
            raise BadRequest("too much inline query results")
        for result in results:
            if not 1 <= len(result["id"].encode()) <= 64:
                raise BadRequest("RESULT_ID_INVALID")
            content = result["input_message_content"]
            checked_text({**content, "text": content["message_text"]})
        if (button := what.get("button")) is not None and not button.get("start_parameter"):
            raise BadRequest("either start_parameter or web_app must be there")
        waiting["answer"] = what
        self.world.changed()
        return True

    async def _on_answerguestquery(self, bot: BotAccount, what: Answer) -> Any:
        waiting = self.world.answers(bot, "guest", what["guest_query_id"])
        content = what["result"]["input_message_content"]
        text, marked = checked_text({**content, "text": content["message_text"]})
        waiting["answer"] = what
        self.world.write(
            waiting["chat"],
            bot,
            text,
            marked=marked,
            rows=checked_rows(what["result"].get("reply_markup")),
            through=bot,
            reply_to=waiting["message"],
        )
        return {"inline_message_id": what["guest_query_id"]}

    async def _on_getchat(self, bot: BotAccount, what: Answer) -> Any:
        # Bot API, getChat: for a user whom the bot has never met, "chat not found".
        account = self.world.accounts.get(int(what["chat_id"]))
        if account is None or (account.id not in bot.started_by and account.id not in bot.met):
            raise BadRequest("chat not found")
        return {"id": account.id, "type": "private", "first_name": account.name, "accent_color_id": 0} | (
            {"username": account.username} if account.username else {}
        )

    async def _on_getbusinessconnection(self, bot: BotAccount, what: Answer) -> Any:
        connection = self.world.connections.get(what["business_connection_id"])
        if connection is None or connection.bot is not bot:
            raise BadRequest("business connection not found")
        return connection.as_json()

    async def _on_setmycommands(self, bot: BotAccount, what: Answer) -> Any:
        commands = what["commands"]
        assert len(commands) <= 100
        for command in commands:
            # Bot API, BotCommand.
            assert command["command"].islower()
            assert 1 <= len(command["command"]) <= 32
            assert 1 <= len(command["description"]) <= 256
        scope = what["scope"]
        assert scope["type"] == "chat", "commands are shown in the owner's chat only"
        bot.commands[int(scope["chat_id"])] = commands
        self.world.changed()
        return True


class Conflicted(BadRequest):
    """409."""

    def __init__(self) -> None:
        Exception.__init__(self)
        self.code = 409
        self.parameters = {}
        self.description = (
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )


def error(code: int, description: str, **parameters: Any) -> web.Response:
    """A reply that isn't ok. Bot API, Making requests and ResponseParameters."""
    body: Answer = {"ok": False, "error_code": code, "description": description}
    return _json(body | ({"parameters": parameters} if parameters else {}), code)


def _json(body: Answer, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def _parameters(form: dict[str, Any]) -> Answer:
    """Form fields. Objects, lists, numbers and truth values are JSON."""
    what: Answer = {}
    for name, value in form.items():
        what[name] = value
        if isinstance(value, str) and name not in (
            "text",
            "caption",
            "business_connection_id",
            "callback_query_id",
            "guest_query_id",
            "inline_query_id",
        ):
            with contextlib.suppress(ValueError):
                what[name] = json.loads(value)
    return what
