"""Two humans with Element's crypto and their bots, on a real Synapse: calls in encrypted rooms."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.console import as_before
from tests.bot.matrix.human import PATIENCE, human
from tests.bot.matrix.people import Pair, in_room, set_up, shared_room, somebody
from tests.bot.matrix.synapse import Synapse
from tests.bot.matrix.transcript import Transcript

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def over(*pairs: Pair) -> None:
    """End the call."""
    await pairs[0].says("/hangup")
    await asyncio.gather(*(each.program.call("ended") for each in pairs))


async def test_the_owner_commands_in_the_room_with_the_bot(anna: Pair) -> None:
    assert (await anna.asks("/contacts", "bob"))["encrypted"]


async def test_element_trusts_the_bot_after_the_emoji(anna: Pair) -> None:
    async with asyncio.timeout(PATIENCE):
        # Each answer comes after another look at the server's data.
        while not (await anna.human.do("trusts", who=anna.bot))["verified"]:
            await anna.asks("/status", "No calls")


async def test_a_contacts_call_rings_and_a_number_answers_or_declines_it(anna: Pair, bob: Pair) -> None:
    page = Transcript("a call in a room")
    room = await shared_room(anna, bob)
    seen = len(bob.human.told)
    await anna.says("/call bob", room)
    page.line("Anna, in their room", "/call bob")
    page.sees("Anna's bot, in their room", await bob.human.reads("copybara:", room=room, after=seen))
    rings = await bob.human.reads("Answer", room=bob.own_room, after=seen)
    assert "anna" in rings["text"]
    page.sees("Bob's bot, to Bob", rings)
    number = rings["text"].partition(": Answer,")[0].split()[-1]
    seen = len(anna.human.told)
    await bob.says(number)
    page.says("Bob, to his bot", number)
    await asyncio.gather(*(each.program.call("active") for each in (anna, bob)))
    page.sees("Anna's bot, to Anna", await anna.human.reads("Connected", room=anna.own_room, after=seen))
    await over(anna, bob)
    page.check()

    seen = len(bob.human.told)
    await anna.says("/call bob", room)
    rings = await bob.human.reads("Decline", room=bob.own_room, after=seen)
    await bob.says(next(part.split(":")[0].split()[-1] for part in rings["text"].split(", ") if "Decline" in part))
    await anna.program.call("ended", reason="remote-declined")


async def test_a_trusted_contact_is_connected_by_one_message(anna: Pair, bob: Pair) -> None:
    await bob.asks("/contact trust anna", "automatically")
    room = await shared_room(anna, bob)
    await anna.says("/call bob", room)
    await asyncio.gather(*(each.program.call("active") for each in (anna, bob)))
    await over(anna, bob)


async def test_a_reaction_does_nothing_and_a_command_in_clear_is_told_once(
    anna: Pair, bob: Pair, server: Synapse
) -> None:
    room = await shared_room(anna, bob)
    seen = len(bob.human.told)
    await anna.says("/call bob", room)
    rings = await bob.human.reads("Answer", room=bob.own_room, after=seen)
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": rings["event"], "key": "1"}}
    await bob.human.do("raw", room=bob.own_room, kind="m.reaction", content=reaction)
    in_clear = {"msgtype": "m.text", "body": "/contacts"}
    seen = len(bob.human.told)
    for _ in range(2):
        await bob.human.do("raw", room=bob.own_room, content=in_clear)
    why = await bob.human.reads("wasn't encrypted", room=bob.own_room, after=seen)
    # Numbers follow the order of messages: everything before this answer has been carried out.
    await bob.asks("/status", "ringing")
    told = [each for each in bob.human.told[seen:] if "wasn't encrypted" in str(each.get("text"))]
    assert [each["event"] for each in told] == [why["event"]]
    assert not any("Contacts" in str(each.get("text")) for each in bob.human.told[seen:])
    await bob.says("/decline")
    await anna.program.call("ended")


async def test_an_unverified_device_of_the_owner_commands_nothing(anna: Pair, server: Synapse) -> None:
    async with human(server.address, anna.human.user, "secret", "plain") as stranger:
        seen = len(anna.human.told)
        await stranger.do("send", room=anna.own_room, text="/contact block bob")
        await anna.human.reads("they haven't verified", room=anna.own_room, after=seen)
    assert "blocked" not in (await anna.asks("/contact show bob", "bob"))["text"]


async def test_a_kill_between_hearing_and_answering_loses_nothing_and_does_nothing_twice(anna: Pair, bob: Pair) -> None:
    room = await shared_room(anna, bob)
    assert await bob.program.signalled(signal.SIGKILL) != 0
    seen = len(bob.human.told)
    await anna.says("/call bob", room)
    await anna.human.reads("copybara:", room=room)
    await bob.program.begin()
    await bob.human.reads("Answer", room=bob.own_room, after=seen)
    assert await bob.program.signalled(signal.SIGKILL) != 0  # while the call rings
    await bob.program.begin()
    rings = await bob.human.reads("Answer", room=bob.own_room, after=seen)
    await bob.asks("/answer", "")
    await asyncio.gather(*(each.program.call("active") for each in (anna, bob)))
    assert rings["encrypted"]
    await over(anna, bob)


async def test_a_server_that_goes_down_costs_no_running_call_and_no_message(
    anna: Pair, bob: Pair, server: Synapse
) -> None:
    room = await shared_room(anna, bob)
    seen = len(bob.human.told)
    await anna.says("/call bob", room)
    await bob.human.reads("Answer", room=bob.own_room, after=seen)
    await bob.says("/answer")
    await asyncio.gather(*(each.program.call("active") for each in (anna, bob)))
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    await asyncio.to_thread(server.start)
    await anna.asks("/status", "bob")
    await bob.asks("/status", "anna")
    await over(anna, bob)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_carol(
    server: Synapse, friends: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    async with somebody(server, tmp_path_factory.mktemp("own"), "carol", friends, own=True) as pair:
        told = await pair.human.until(lambda each: each["type"] == "message" and "loopback" in str(each["text"]))
        pair.own_room = told["room"]
        yield pair


@pytest_asyncio.fixture(loop_scope="module")
async def carol(running_carol: Pair) -> AsyncIterator[Pair]:
    """Carol, whose bot is a device of her own account."""
    yield running_carol
    await as_before(running_carol.program)


async def test_a_bot_in_the_owners_account_answers_in_a_room_of_its_own(carol: Pair) -> None:
    await carol.says("/contacts")
    answer = await carol.human.until(lambda each: each["type"] == "message" and "bob" in str(each["text"]))
    assert (answer["room"], answer["from"], answer["encrypted"]) == (carol.own_room, carol.human.user, True)


async def test_a_call_in_a_direct_room_of_two_people_rings_and_is_answered(bob: Pair, carol: Pair) -> None:
    room = str((await bob.human.do("room", name="Carol", invite=[carol.human.user, bob.bot]))["room"])
    await carol.human.do("join", room=room)
    for user in (carol.human.user, bob.bot):
        await in_room(bob, room, user)
    await bob.says("/call carol", room)
    rings = await carol.human.until(lambda each: each["type"] == "message" and "Decline" in str(each["text"]))
    await carol.says(rings["text"].partition(": Answer,")[0].split()[-1])
    await asyncio.gather(*(each.program.call("active") for each in (bob, carol)))
    await carol.says("/hangup", room)
    await asyncio.gather(*(each.program.call("ended") for each in (bob, carol)))


async def test_both_bots_follow_a_room_that_was_upgraded(anna: Pair, bob: Pair) -> None:
    old = await shared_room(anna, bob)
    new = str((await anna.human.do("upgrade", room=old))["room"])
    for user in (bob.human.user, anna.bot):
        await anna.human.do("invite", room=new, who=user)
    await bob.human.do("join", room=new)
    await bob.human.do("invite", room=new, who=bob.bot)
    for user in (bob.human.user, anna.bot, bob.bot):
        await in_room(anna, new, user)
    seen = len(bob.human.told)
    await anna.says("/call bob", new)
    await bob.human.reads("copybara:", room=new, after=seen)
    await bob.human.reads("Answer", room=bob.own_room, after=seen)
    await bob.says("/decline")
    await anna.program.call("ended")


async def test_an_owner_who_resets_their_encryption_commands_again_once_they_have_compared_emoji(bob: Pair) -> None:
    await bob.human.do("reset")
    await bob.human.do("withdraw", who=bob.bot)
    await bob.says("/contact block anna")
    async with asyncio.timeout(PATIENCE):
        while "has a new key" not in bob.program.errors:
            await bob.program.status()
    assert await bob.program.signalled(signal.SIGTERM) == 0
    await set_up(bob.program.home, bob.human, bob.bot, bob.own_room, again="verify")
    await bob.program.begin()
    assert "blocked" not in (await bob.asks("/contact show anna", "anna"))["text"]


async def test_the_server_has_nothing_but_ciphertext(anna: Pair, bob: Pair, server: Synapse) -> None:
    bots = {anna.bot, bob.bot}
    events = [each for each in server.stored_events() if each["sender"] in bots and "state_key" not in each]
    written = [each for each in events if not each["type"].startswith("m.key.verification.")]
    assert written
    assert {each["type"] for each in written} == {"m.room.encrypted"}
    assert "copybara:" not in json.dumps(server.stored_events())
