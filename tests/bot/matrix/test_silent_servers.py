"""A stranger's server never replies, and the homeserver waits for it. The owner is obeyed all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest
import pytest_asyncio
from aiohttp import web

from tests.bot.matrix.homeserver import Homeserver, Room
from tests.bot.matrix.members import Bot, Member, bot, joined, member

pytestmark = pytest.mark.asyncio(loop_scope="module")

MORE_THAN_A_SYNC_BRINGS = 105


class NoAnswer(web.Response):
    """A reply that doesn't come until the test ends."""

    async def prepare(self, request: Any) -> NoReturn:
        """Send nothing."""
        await asyncio.Event().wait()
        raise AssertionError


def silent(homeserver: Homeserver, user: str, is_asked: Callable[[str], bool]) -> list[str]:
    """Let these requests of `user` get no reply. Returns the list of those that come."""
    asked: list[str] = []

    def fault(who: str, path: str) -> web.Response | None:
        if who != user or not is_asked(unquote(path)):
            return None
        asked.append(path)
        return NoAnswer()

    homeserver.fault = fault
    return asked


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def annas(in_memory: Homeserver, friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    """Anna's program with her bot."""
    folder = tmp_path_factory.mktemp("anna")
    async with member(in_memory, folder, "anna") as owner, bot(in_memory, folder, owner, "anna", friends) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mallory(in_memory: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Member]:
    """A stranger with a room in which the bot is."""
    async with member(in_memory, tmp_path_factory.mktemp("mallory"), "mallory") as somebody:
        yield somebody


async def test_lists_of_members_that_never_come(annas: Bot, in_memory: Homeserver, mallory: Member) -> None:
    room = await mallory.client.make_room([annas.user], "")
    await joined(in_memory, room, annas.user)
    await annas.asks("/status", "No calls")
    asked = silent(in_memory, annas.user, lambda path: path == f"/rooms/{room}/members")
    come = in_memory.event("@e:evil.test", "m.room.member", {"membership": "join"}, state_key="@e:evil.test")
    in_memory.add(room, come)
    try:
        for number in range(8):
            await mallory.says(room, f"Are you there? {number}")
        await annas.asks("/status", "No calls")
        await annas.asks("/status", "No calls")
    finally:
        in_memory.fault = None
    assert len(asked) == 1


async def test_pages_of_many_rooms_that_never_come(annas: Bot, in_memory: Homeserver) -> None:
    rooms = []
    for number in range(4):
        user, name = f"@e{number // 3}:evil.test", f"!r{number}:evil.test"
        in_memory.rooms[name] = Room(members={user: ("join", user, 0)})
        await in_memory.invite(name, user, annas.user)
        await joined(in_memory, name, annas.user)
        rooms.append((name, user))
    await annas.asks("/status", "No calls")
    asked = silent(in_memory, annas.user, lambda path: path.endswith("/messages") and "evil.test" in path)
    said = {"msgtype": "m.text", "body": "x"}
    for name, user in rooms:
        for _ in range(MORE_THAN_A_SYNC_BRINGS):
            in_memory.add(name, in_memory.event(user, "m.room.message", said))
    try:
        await in_memory.put(name, in_memory.event(user, "m.room.message", said))
        await annas.asks("/status", "No calls")
    finally:
        in_memory.fault = None
    assert asked


async def test_keys_of_a_stranger_that_never_come(annas: Bot, in_memory: Homeserver, tmp_path: Path) -> None:
    async with member(in_memory, tmp_path, "eve") as eve:
        room = await eve.client.make_room([annas.user], "")
        await joined(in_memory, room, annas.user)
        await annas.asks("/status", "No calls")
        asked = silent(in_memory, annas.user, lambda path: path == "/keys/query")
        try:
            for number in range(3):
                await eve.says(room, f"Hello? {number}")
                await annas.asks("/status", "No calls")
        finally:
            in_memory.fault = None
        assert len(asked) == 1
