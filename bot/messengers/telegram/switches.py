"""The bot's switches in Telegram, the ways that each one opens, and switching them on.

Bot API: getMe shows some of the switches, and setMySettings (10.5, November 2026) sets them. If a server doesn't know
that method yet, the owner sets them by hand with @BotFather.
"""

from __future__ import annotations

import asyncio
import enum
import http
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.errors import InputError, MessengerError
from shared.not_json import NOT_JSON

SECONDS = 15.0
"How long Telegram may take to reply."

MOST_BYTES = 64 * 1024

REFUSED = (401, 404)
"Telegram's replies to a revoked token, and to one that never existed."

SETTINGS = {
    "supports_inline_queries": True,
    "inline_feedback_share_denominator": 1,
    "can_join_groups": True,
    "can_connect_to_business": True,
    "supports_guest_queries": True,
    "can_communicate_with_bots": True,
}
"All ways that have a switch. Reading all messages of groups (privacy mode off) isn't needed and isn't changed."

MENU = "In @BotFather: /mybots, your bot, Bot Settings:"


class SwitchState(enum.StrEnum):
    """The state of one way."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "not shown by Telegram"


@dataclass(frozen=True, slots=True)
class SwitchableWay:
    """One row of the table in docs/telegram.md."""

    name: str
    state: SwitchState
    missing: str = ""
    "What to switch on."


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    switch: str
    "The switch's name in getMe. Empty: nothing needs to be on."

    missing: str


_RULES = (
    _Rule("your chat with the bot", "", ""),
    _Rule("deep links", "", ""),
    _Rule("bot to bot", "can_communicate_with_bots", "Bot-to-Bot Communication Mode"),
    _Rule("your account", "can_connect_to_business", "Business Mode"),
    _Rule("groups", "can_join_groups", "Allow Groups"),
    _Rule("guest", "supports_guest_queries", "Guest Mode"),
    _Rule("inline", "supports_inline_queries", "Inline Mode, and Inline Feedback 100 %"),
)
"In the order of docs/telegram.md."


def ways(me: Mapping[str, Any], *, accepted: bool = False) -> list[SwitchableWay]:
    """The ways that getMe's reply shows. `accepted`: Telegram has just accepted all SETTINGS."""
    found = []
    for rule in _RULES:
        value = True if not rule.switch else me.get(rule.switch)
        if value is None and accepted:
            value = True
        state = SwitchState.UNKNOWN if not isinstance(value, bool) else SwitchState.ON if value else SwitchState.OFF
        found.append(SwitchableWay(rule.name, state, "" if state is SwitchState.ON else rule.missing))
    return found


@dataclass(frozen=True, slots=True)
class TelegramReply:
    """A reply, from Telegram or from something in between."""

    status_code: int
    content: bytes
    "At most MOST_BYTES + 1 bytes. Of a longer reply, its beginning."

    date: str
    "The header of that name. May be empty."


def asked(
    token: str,
    base_url: str,
    method: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    seconds: float = SECONDS,
) -> TelegramReply:
    """Make one request to the Bot API. The whole reply must arrive within `seconds`.

    Raises MessengerError if nothing replies, InputError if Telegram refuses the token.
    """
    import httpx  # takes a fifth of a second, and every start of the program imports this file

    from bot.http_answers import fault_of

    address = f"{base_url.rstrip('/')}/bot{token}/{method}"
    try:
        form = {name: msgspec.json.encode(value).decode() for name, value in (parameters or {}).items()}
        reply = asyncio.run(_replied(address, form, seconds))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise MessengerError(f"Telegram can't be reached: {fault_of(error)}.", "Try again later.") from None
    if reply.status_code in REFUSED and method == "getMe" and _body(reply).get("ok") is False:
        raise InputError(
            "Telegram doesn't know the bot's token: it was revoked or mistyped.",
            "Get a new one from @BotFather: /token, and replace the old one with it.",
        )
    return reply


async def _replied(address: str, form: dict[str, str], seconds: float) -> TelegramReply:
    import httpx

    from shared.bounded_http import bounded

    # One timeout for the whole request: each byte that drips in restarts httpx's own timeouts. Compression isn't
    # accepted, because a little of it can unpack to a lot.
    async with (
        asyncio.timeout(seconds),
        bounded(httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False)) as client,
        client.stream("POST", address, data=form, headers={"Accept-Encoding": "identity"}) as reply,
    ):
        read = bytearray()
        async for chunk in reply.aiter_raw():
            read += chunk[: MOST_BYTES + 1 - len(read)]
            if len(read) > MOST_BYTES:
                break
        return TelegramReply(reply.status_code, bytes(read), reply.headers.get("Date", ""))


def result_of(reply: TelegramReply) -> Any:
    """Telegram's result. Raises MessengerError for a refusal, and for a reply that isn't the Bot API's."""
    body = _body(reply)
    if reply.status_code != http.HTTPStatus.OK or body.get("ok") is not True:
        raise MessengerError(
            f"What answers for Telegram says {reply.status_code}.",
            "Check `base_url` under [telegram] of copybara.toml.",
        )
    return body.get("result")


def _body(reply: TelegramReply) -> dict[str, Any]:
    """The object in the reply. Empty if it has none, such as a proxy's page."""
    if len(reply.content) > MOST_BYTES:
        return {}
    try:
        body = msgspec.json.decode(reply.content)
    except NOT_JSON:
        return {}
    return body if isinstance(body, dict) else {}


def me(token: str, base_url: str) -> dict[str, Any]:
    """The bot's account, with the switches that Telegram shows. Raises InputError, MessengerError."""
    found = result_of(asked(token, base_url, "getMe"))
    if not isinstance(found, dict) or not isinstance(found.get("username"), str):
        raise MessengerError(
            "What answers for Telegram knows no bot.", "Check `base_url` under [telegram] of copybara.toml."
        )
    return found


def switch_on(token: str, base_url: str) -> bool:
    """Ask Telegram to switch on all ways. False if this server can't or won't.

    Raises MessengerError if nothing replies.
    """
    reply = asked(token, base_url, "setMySettings", SETTINGS)
    try:
        return result_of(reply) is True
    except MessengerError:
        return False
