"""Requests to the homeserver: the part of the client-server API that we need. Each is bounded in size and time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from bot.http_answers import AS_IT_IS, NoCookies, TooLong, Unreadable
from bot.http_answers import read as read_answer
from bot.messengers.clock import Clock, http_date
from bot.messengers.matrix.answers import TooMany, keys_answer, members_answer, messages_answer, sync_answer
from bot.messengers.matrix.canonical import Json, items, number, text
from bot.messengers.matrix.others_servers import SERVER_SECONDS
from shared.bounded_http import bounded
from shared.not_json import NOT_JSON

REPLY_BYTES = 32 * 1024 * 1024
"The longest reply in bytes. The first sync of a large account has some megabytes."

LEAN_SYNC_BYTES = 256 * 1024 * 1024
"""The longest reply in bytes to a sync that asks for little: no filter limits messages to devices and invitations.
Until we read such a reply, the server sends it again and again, and nothing after it."""

MEMBERS_BYTES = 8 * 1024 * 1024
"The longest list of a room's members in bytes: about ten thousand members."

FEW_BYTES = 1024 * 1024
"The longest of all other replies and refusals in bytes. They aren't parsed piece by piece."

REPLY_SECONDS = 30.0
LEAN_SYNC_SECONDS = 300.0
SYNC_SECONDS = 25.0
"How long the server waits for something new before it replies to a sync."

ROOM_EVENTS = 100
"How many events of one room a sync has, and a page of what a sync left out."

TYPES = [
    "m.room.encrypted",
    "m.room.message",
    "m.room.member",
    "m.room.encryption",
    "m.room.tombstone",
    "m.key.verification.*",
]
"The events that we read in rooms. The server sends us no reactions, receipts or typing notices."


def sync_filter(events: int) -> Json:
    """The filter of a sync, with at most `events` events per room."""
    return {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "account_data": {"types": []},
            "ephemeral": {"types": []},
            "state": {"types": ["m.room.encryption", "m.room.tombstone"]},
            "timeline": {"limit": events, "types": TYPES},
        },
    }


LONGEST_WAIT_SECONDS = 300.0
"The longest wait that we accept from a server. Somebody may be waiting for a call, and a proxy may have sent it."


class Unreachable(Exception):
    """Nobody replies, or the reply isn't a homeserver's. `seconds` is when to try again, if the reply says so."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        self.seconds = seconds
        super().__init__(why)


class TooLarge(Unreachable):
    """The server's reply is longer than we read."""


class ServerRefusal(Exception):
    """The server refuses a request. `code` is its `errcode`, `seconds` when to try again, if it says so."""

    def __init__(self, status: int, body: Json, after: float | None = None) -> None:
        self.status = status
        self.code = text(body, "errcode", most=100) or f"HTTP {status}"
        self.words = text(body, "error", most=400)
        self.body = body
        self.seconds = after if after is not None else _bounded(number(body, "retry_after_ms") / 1000)
        super().__init__(self.code)

    @property
    def for_now(self) -> bool:
        """Whether the same request may succeed later."""
        too_fast = self.status == httpx.codes.TOO_MANY_REQUESTS or self.code == "M_LIMIT_EXCEEDED"
        return self.status >= 500 or too_fast

    @property
    def logged_out(self) -> bool:
        """Whether the server doesn't accept this device's token, or no longer does."""
        return self.status == httpx.codes.UNAUTHORIZED or self.code == "M_UNKNOWN_TOKEN"


class MatrixApi:
    """The requests of one account."""

    def __init__(self, server: str, token: str = "") -> None:
        """`server` is the homeserver's address, `token` this device's access token."""
        self.server = server.rstrip("/")
        self.token = token
        self.clock = Clock()
        "The server's clock, according to its replies."
        self._client: httpx.AsyncClient | None = None
        # The library logs addresses, which contain rooms and people.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keep the connections open during the block."""
        client = httpx.AsyncClient(timeout=REPLY_SECONDS, trust_env=False, cookies=NoCookies(), headers=AS_IT_IS)
        async with bounded(client) as self._client:
            try:
                yield
            finally:
                self._client = None

    async def get(self, path: str, query: dict[str, str], seconds: float = REPLY_SECONDS) -> Json:
        """Make a GET request. Raises Unreachable, ServerRefusal."""
        return await self._request("GET", path, None, seconds, query)

    async def post(self, path: str, body: Json) -> Json:
        """Make a POST request. Raises Unreachable, ServerRefusal."""
        return await self._request("POST", path, body, REPLY_SECONDS, {})

    async def put(self, path: str, body: Json) -> Json:
        """Make a PUT request. Raises Unreachable, ServerRefusal."""
        return await self._request("PUT", path, body, REPLY_SECONDS, {})

    # Requests that several modules make.

    async def sync(self, since: str, *, wait: bool, little: bool = False) -> Json:
        """What is new. `little`: only the last event of each room. Raises TooLarge, Unreachable, ServerRefusal."""
        query = {
            "timeout": str(int(SYNC_SECONDS * 1000) if wait else 0),
            "filter": _LITTLE_FILTER if little else _FILTER,
        }
        if since:
            query["since"] = since
        if little:
            return await self._request("GET", "/sync", None, LEAN_SYNC_SECONDS, query, sync_answer, LEAN_SYNC_BYTES)
        return await self._request("GET", "/sync", None, REPLY_SECONDS + SYNC_SECONDS, query, sync_answer)

    async def send(self, room: str, type_: str, transaction: str, content: Json) -> str:
        """Send an event, once for each `transaction`. Returns its id. Raises Unreachable, ServerRefusal."""
        answer = await self.put(f"/rooms/{_part(room)}/send/{_part(type_)}/{_part(transaction)}", content)
        return text(answer, "event_id")

    async def to_device(self, type_: str, transaction: str, messages: dict[str, dict[str, Json]]) -> None:
        """Send messages to devices: by user and device. Raises Unreachable, ServerRefusal."""
        await self.put(f"/sendToDevice/{_part(type_)}/{_part(transaction)}", {"messages": messages})

    async def messages(self, room: str, before: str, after: str, limit: int) -> Json:
        """A page of a room's events between two positions, the newest first. Raises Unreachable, ServerRefusal."""
        query = {"dir": "b", "from": before, "to": after, "limit": str(limit), "filter": _TIMELINE}
        path = f"/rooms/{_part(room)}/messages"
        return await self._request("GET", path, None, REPLY_SECONDS, query, messages_answer)

    async def keys_of(self, users: Sequence[str]) -> Json:
        """The keys of users. Raises Unreachable, ServerRefusal."""
        body: Json = {"device_keys": {user: [] for user in users}, "timeout": round(SERVER_SECONDS * 1000)}
        return await self._request("POST", "/keys/query", body, REPLY_SECONDS, {}, keys_answer)

    async def members(self, room: str) -> list[str]:
        """The users who are in a room or invited to it. Raises TooLarge, Unreachable, ServerRefusal."""
        found: list[str] = []
        for membership in ("join", "invite"):
            path, query = f"/rooms/{_part(room)}/members", {"membership": membership}
            answer = await self._request("GET", path, None, REPLY_SECONDS, query, members_answer, MEMBERS_BYTES)
            found += answer["members"]
        return found

    async def created(self, room: str) -> Json:
        """The m.room.create event of a joined room. Raises Unreachable, ServerRefusal."""
        return await self.get(f"/rooms/{_part(room)}/state/m.room.create", {})

    async def leave(self, room: str) -> None:
        """Leave a room, or decline its invitation. Raises Unreachable, ServerRefusal."""
        await self.post(f"/rooms/{_part(room)}/leave", {})

    async def join(self, room: str, via: str = "") -> None:
        """Accept an invitation, or join the room that replaces another one. Raises Unreachable, ServerRefusal."""
        query = {"via": via} if via else {}
        await self._request("POST", f"/join/{_part(room)}", {}, REPLY_SECONDS, query)

    async def _request(
        self,
        method: str,
        path: str,
        body: Json | None,
        seconds: float,
        query: dict[str, str],
        read: Callable[[bytes], Json] | None = None,
        most: int | None = None,
    ) -> Json:
        """Make a request.

        `read` parses replies with what others have written (see answers.py). Such a reply has at most `most` bytes.
        """
        assert self._client is not None
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        address = f"{self.server}/_matrix/client/v3{path}"
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(
                    method, address, params=query, headers=headers, json=body, timeout=seconds, follow_redirects=False
                ) as response,
            ):
                received = time.time()
                good = response.status_code == httpx.codes.OK
                most = (most or REPLY_BYTES) if good and read is not None else FEW_BYTES
                raw = await read_answer(response, most)
        except TooLong as error:
            raise TooLarge(str(error)) from None
        except Unreadable as error:
            raise Unreachable(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            # The error's class says enough. Its text may hold the address.
            raise Unreachable(type(error).__name__) from None
        try:
            answer = _decoded(raw, read if good else None)
        except TooMany:
            raise TooLarge("more than is looked at in one answer") from None
        if response.status_code == httpx.codes.OK and answer is not None:
            if (date := http_date(response.headers.get("date", ""))) is not None:
                self.clock.server_said(date, received)
            return answer
        after = _seconds(response.headers.get("retry-after", ""))
        if answer is None or not (text(answer, "errcode") or any(items(answer, "flows"))):
            raise Unreachable(f"an answer that isn't a homeserver's: status {response.status_code}", after)
        raise ServerRefusal(response.status_code, answer, after)


_FILTER = msgspec.json.encode(sync_filter(ROOM_EVENTS)).decode()
_LITTLE_FILTER = msgspec.json.encode(sync_filter(1)).decode()
_TIMELINE = msgspec.json.encode({"types": TYPES}).decode()


def _part(value: str) -> str:
    """One part of a path, escaped."""
    return quote(value, safe="")


def _decoded(raw: bytes, read: Callable[[bytes], Json] | None) -> dict[str, Any] | None:
    if read is not None:
        with contextlib.suppress(*NOT_JSON):
            return read(raw)
        # Only the server decides what surrounds the pieces, so the size of that is limited here.
        if len(raw) > FEW_BYTES:
            return None
    try:
        value = msgspec.json.decode(raw)
    except NOT_JSON:
        return None
    return value if isinstance(value, dict) else None


def _seconds(header: str) -> float | None:
    return _bounded(float(header)) if header.isascii() and header.isdigit() and len(header) < 20 else None


def _bounded(seconds: float) -> float | None:
    return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else None
