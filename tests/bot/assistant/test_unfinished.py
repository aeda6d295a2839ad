"""What of a message goes on after it: its own look-ups, and nobody else's."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, NoReturn, cast

from bot.assistant.assistant import Assistant
from bot.assistant.learning import Learning
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.chats import Chats
from bot.conversation import Effects, IncomingMessage, Post
from bot.friends_peers import FriendsPeers
from bot.kinds import Kind
from shared.errors import InputError
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, node

PATIENCE = 60.0


class Servers:
    """Name systems that can't be asked before the test lets them."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def load(self) -> NoReturn:
        self.may_answer.wait(PATIENCE)
        raise InputError("There are none.", "")


def assistant_of(anna: Node, lookups: Lookups) -> Assistant:
    """Anna's assistant, which shows nothing of a call."""
    origins, nothing = Origins(), cast(Any, None)

    async def no_peers() -> FriendsPeers:
        raise AssertionError

    return Assistant(
        own=anna.id,
        overlay="loopback",
        wrong=lambda: None,
        writes=anna.writes,
        switchboard=anna.switchboard,
        echo=nothing,
        lookups=lookups,
        own_card=nothing,
        program_source="",
        friends_peers=no_peers,
        chats=Chats(()),
        origins=origins,
        news=nothing,
        learning=Learning(anna.writes, origins),
    )


def written(text: str, chat: str) -> IncomingMessage:
    return IncomingMessage(text, "owner", from_owner=True, chat=chat, alone=True)


async def test_a_command_that_waits_behind_a_look_up_in_another_chat_is_done_when_it_is_done(tmp_path: Path) -> None:
    """If it counted as unfinished, the next run would carry it out a second time."""
    servers = Servers()
    lookups = Lookups(servers.load)
    async with asyncio.timeout(PATIENCE), node(tmp_path, "anna", MemoryNetwork()) as anna, lookups.running():
        assistant = assistant_of(anna, lookups)

        async def hear(text: str, chat: str) -> Effects:
            return await assistant.hear(written(text, chat))

        async with assistant._turns.taken("a third"):
            hearing = [asyncio.create_task(hear(*said)) for said in (("/call bob.azero", "one"), ("/contacts", "two"))]
            await asyncio.sleep(0)
        called, listed = await asyncio.gather(*hearing)
        assert [kind_of(effects.posts) for effects in (called, listed)] == [Kind.NAME_LOOKING_UP, Kind.NO_CONTACTS]
        (look_up,) = called.unfinished
        assert not look_up.done()
        assert not listed.unfinished
        servers.may_answer.set()
        await asyncio.wait([look_up])


def kind_of(posts: list[Post]) -> str:
    (post,) = posts
    return post.kind
