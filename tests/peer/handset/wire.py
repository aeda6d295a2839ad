"""A page without a browser: the test itself speaks over the WebSocket of a running `copybara`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.bot.console import SECONDS, Person
from tests.peer.handset.knocking import given_in, knock, origin_of

AT_THE_PAGE = '[answer]\nendpoint = "handset"\n[handset]\nport = 0\n'
"The configuration of a user who talks at the page, at a free port."


class WirePage:
    """One connected page."""

    def __init__(self, sock: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = sock
        self.heard: list[dict[str, Any]] = []
        "Everything that the program has sent and no test has taken yet."

        self._numbers = itertools.count(1)

    async def next(self, kind: str, **values: Any) -> dict[str, Any]:
        """Take the next message of a kind with those values. Earlier messages are dropped."""
        async with asyncio.timeout(SECONDS):
            while True:
                message = await self._next()
                if message["type"] == kind and all(message.get(name) == value for name, value in values.items()):
                    return message

    async def both(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Take the next message with each of these values, in any order. All others are dropped."""
        found: dict[int, dict[str, Any]] = {}
        async with asyncio.timeout(SECONDS):
            while len(found) < len(wanted):
                message = await self._next()
                for number, values in enumerate(wanted):
                    if number not in found and values.items() <= message.items():
                        found[number] = message
        return [found[number] for number in range(len(wanted))]

    async def _next(self) -> dict[str, Any]:
        if self.heard:
            return self.heard.pop(0)
        return dict(await self.socket.receive_json())

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message that gets no answer."""
        await self.socket.send_json({"type": kind, **fields})

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a request, and return Done, Explained or Problem. Other messages are kept."""
        number = next(self._numbers)
        await self.say(kind, id=number, **fields)
        kept = []
        async with asyncio.timeout(SECONDS):
            while True:
                message = await self._next()
                kept.append(message)
                if message.get("id") == number and message["type"] in ("done", "problem"):
                    break
                if kind == "explain" and message["type"] == "explained":
                    break
        self.heard = kept[:-1] + self.heard
        return kept[-1]


@contextlib.asynccontextmanager
async def wire_page(person: Person) -> AsyncIterator[tuple[WirePage, dict[str, Any]]]:
    """Open the page of a person. Yields the page and its Hello."""
    assert person.handset is not None
    async with page_at(person.handset) as opened:
        yield opened


@contextlib.asynccontextmanager
async def page_at(address: str) -> AsyncIterator[tuple[WirePage, dict[str, Any]]]:
    """Open the page at an address. Yields the page and its Hello."""
    origin, (kind, secret) = origin_of(address), given_in(address)
    async with aiohttp.ClientSession() as http:
        async with http.get(address) as opened:
            assert opened.status == 200, await opened.text()
        async with http.ws_connect(f"{origin}/socket", headers={"Origin": origin}) as sock:
            first = await knock(sock, origin.removeprefix("http://"), kind, secret)
            assert first is not None, "the page was refused"
            assert first["type"] == "home-key"
            page = WirePage(sock)
            yield page, await page.next("hello")


async def lets_in(address: str) -> bool:
    """Whether an address alone opens a page. This uses up a ticket in the address."""
    origin, (kind, secret) = origin_of(address), given_in(address)
    headers = {"Origin": origin}
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{origin}/socket", headers=headers) as sock:
        return await knock(sock, origin.removeprefix("http://"), kind, secret) is not None
