"""Bob's bot as another device of Bob's own account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.matrix.people import Pair, in_room, somebody
from tests.bot.matrix.synapse import Synapse

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bob(server: Synapse, friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Bob, whose bot is a device of his own account."""
    async with somebody(server, tmp_path_factory.mktemp("own"), "bob", friends, own=True) as pair:
        told = await pair.human.until(lambda each: each["type"] == "message" and "loopback" in str(each["text"]))
        pair.own_room = told["room"]
        yield pair


async def test_a_bot_in_the_owners_account_answers_in_a_room_of_its_own(bob: Pair) -> None:
    await bob.says("/contacts")
    answer = await bob.human.until(lambda each: each["type"] == "message" and "anna" in str(each["text"]))
    assert (answer["room"], answer["from"], answer["encrypted"]) == (bob.own_room, bob.human.user, True)


async def test_a_call_in_a_direct_room_of_two_people_rings_and_is_answered(anna: Pair, bob: Pair) -> None:
    room = str((await anna.human.do("room", name="Bob", invite=[bob.human.user, anna.bot]))["room"])
    await bob.human.do("join", room=room)
    for user in (bob.human.user, anna.bot):
        await in_room(anna, room, user)
    await anna.says("/call bob", room)
    rings = await bob.human.until(lambda each: each["type"] == "message" and "Decline" in str(each["text"]))
    await bob.says(rings["text"].partition(": Answer,")[0].split()[-1])
    await asyncio.gather(*(each.program.call("active") for each in (anna, bob)))
    await bob.says("/hangup", room)
    await asyncio.gather(*(each.program.call("ended") for each in (anna, bob)))
