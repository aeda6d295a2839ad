"""A burst of a thousand updates: all handled, none twice, and the call that runs goes on."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

from bot.control_socket import AskStatus, ask
from bot.home import Home
from shared.links.kinds import as_copybara
from shared.links.paired import Operation, Paired, seal
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.telegram.people import Person, friends, two_people

FOREIGN, OWNERS = 300, 200


def foreign_link() -> str:
    """A link between two others."""
    said = Paired(Operation.CALL, Media.BOTH, int(time.time()), 40_000)
    source, destination = NodeId(secrets.token_bytes(32)), NodeId(secrets.token_bytes(32))
    token = seal(
        said, secret=secrets.token_bytes(32), source=source, destination=destination, nonce=secrets.token_bytes(12)
    )
    return as_copybara(token.token)


async def call_of(person: Person) -> dict[str, Any]:
    status = (await asyncio.to_thread(ask, Home(person.home).control_socket, AskStatus())).status or {}
    (call,) = status["calls"]  # type: ignore[misc]
    return dict(call)


async def test_a_thousand_updates_with_duplicates_and_foreign_links(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        group = world.group("Crowd", anna.human, bob.human, bob.bot)
        bob.bot.privacy = False
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        bob.says("/help")
        await bob.reads("/call NAME")
        before = [await call_of(anna), await call_of(bob)]

        # Bob's bot gets 500 updates, 300 of them links that are not for it, each of the 500 twice.
        waiting: list[tuple[str, dict[str, Any]]] = []
        for number in range(max(FOREIGN, OWNERS)):
            if number < FOREIGN:
                sender = world.human(5000 + number % 50, f"Somebody {number % 50}", f"somebody_{number % 50}")
                message = world.write(group, sender, foreign_link())
                waiting.append(("message", bob.bot.updates.pop()["message"]))
                assert message.text == waiting[-1][1]["text"]
            if number < OWNERS:
                bob.says(f"/contact show nobody-{number}")
                waiting.append(("message", bob.bot.updates.pop()["message"]))
        numbers = [world.update(bob.bot, kind, value) for kind, value in waiting]
        for (kind, value), number in zip(waiting, numbers, strict=True):
            world.update(bob.bot, kind, value, number)

        def replies() -> list[str]:
            return [each.text for each in bob.chat.messages if each.sender is bob.bot and "nobody-" in each.text]

        await world.until(lambda: len(replies()) >= OWNERS and not bob.bot.updates, 100)
        answers = replies()
        assert len(answers) == len(set(answers)) == OWNERS, "each once"
        assert not [each for each in group.messages if each.sender is bob.bot], "silence for what isn't for us"
        after = [await call_of(anna), await call_of(bob)]
        for was, now in zip(before, after, strict=True):
            assert now["audio_packets_received"] > was["audio_packets_received"]
