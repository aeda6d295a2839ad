"""A program in a conversation of several people is killed: who goes on, and how the killed one comes back."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.demo.node import Said
from bot.kinds import Kind
from peer.calls.line_keeping import AWAITED_SECONDS
from tests.bot.console import Person, people
from tests.bot.test_conversations import agreed, two_calls
from tests.bot.test_hold import call_with
from tests.bot.test_rejoin import killed

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def asked(friends: Path, folder: Path) -> AsyncIterator[tuple[Person, Person, Person]]:
    """Bob asks Anna and Carol, who are strangers to each other, to join one conversation."""
    async with people(folder, "anna", "bob", "carol", homes=friends) as (anna, bob, carol):
        await two_calls(anna, bob, carol)
        await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
        yield anna, bob, carol


def there(person: Person, other: Person) -> str:
    """The name that `person` has for the other one."""
    return other.name if "bob" in (person.name, other.name) else f"node {other.node[:8]}…"


async def all_hear_all(*everybody: Person) -> None:
    """Each has a call with each other person, all in one conversation, and hears them."""
    for person in everybody:
        for other in everybody:
            if person is not other:
                await joined(person, other)
    for person in everybody:
        for other in everybody:
            if person is not other:
                await person.hears_more(there(person, other))


async def joined(person: Person, other: Person) -> None:
    """Wait until the call with the other person is connected and in a conversation."""
    await up(person, other, lambda call: bool(call["conversation"]))


async def up(person: Person, other: Person, wanted: Callable[[Said], bool] = lambda call: True) -> Said:
    """The call with the other person, once it is connected and `wanted`."""
    while True:
        before = len(person.said)
        for call in (await person.status())["calls"]:
            if (call["with"], call["state"]) == (there(person, other), "active") and wanted(call):
                return dict(call)
        try:
            await person.says_more(before)  # each change of a call is a line
        except TimeoutError:
            raise AssertionError(f"{person.name} isn't in it with {other.name}: {await person.status()}") from None


@pytest.mark.parametrize("victim", ["anna", "bob"])
async def test_who_is_killed_is_in_the_conversation_again_and_the_others_go_on(
    friends: Path, tmp_path: Path, victim: str
) -> None:
    async with asked(friends, tmp_path) as everybody:
        anna, _, carol = everybody
        await agreed(anna, carol)
        await all_hear_all(*everybody)
        (gone,) = [person for person in everybody if person.name == victim]
        stay = [person for person in everybody if person is not gone]
        conversation = (await call_with(stay[0], there(*stay)))["conversation"]
        await killed(gone)
        for person, other in (stay, stay[::-1]):
            await person.hears_more(there(person, other))
        await gone.begin()
        await all_hear_all(*everybody)
        assert {call["conversation"] for each in everybody for call in (await each.status())["calls"]} == {conversation}
        await gone.asked("/say all: hello", kind=Kind.TEXT_SENT)
        for person in stay:
            await person.told("hello", kind=Kind.TEXT)


async def test_who_is_killed_after_their_yes_is_asked_again(friends: Path, tmp_path: Path) -> None:
    async with asked(friends, tmp_path) as (anna, bob, carol):
        await agreed(anna)
        await carol.told(kind=Kind.CONVERSATION_ASKED)
        await killed(anna)
        await anna.begin()
        assert "“carol”" in await anna.told("bob", kind=Kind.CONVERSATION_ASKED)
        await carol.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        await anna.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        await all_hear_all(anna, bob, carol)


async def test_who_has_asked_and_is_killed_asks_again(friends: Path, tmp_path: Path) -> None:
    async with asked(friends, tmp_path) as (anna, bob, carol):
        await agreed(anna)
        await carol.told(kind=Kind.CONVERSATION_ASKED)
        await killed(bob)
        await bob.begin()
        for other in (anna, carol):
            await up(bob, other)
            await up(other, bob)
        # Bob knows nothing of his earlier question.
        await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
        await anna.told("bob", kind=Kind.CONVERSATION_OFF)
        await anna.told("bob", kind=Kind.CONVERSATION_ASKED)
        # Carol's question goes on without a word, so hers is answered last: it has come long before.
        for person in (anna, carol):
            await person.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        await all_hear_all(anna, bob, carol)


async def test_who_is_killed_as_all_have_agreed_reads_that_the_others_are_not_in_it_and_asks_again(
    friends: Path, tmp_path: Path
) -> None:
    async with asked(friends, tmp_path) as (anna, bob, carol):
        await agreed(anna)
        await carol.told(kind=Kind.CONVERSATION_ASKED)
        await killed(bob)
        # As between the last yes and the first node id: the calls are the conversation, and nobody else knows it.
        with bob.store() as store:
            for call in store.running_calls():
                store.save_call(dataclasses.replace(call, together=b"killed".ljust(16)))
        await bob.begin()
        await joined(bob, anna)
        await joined(bob, carol)
        said = await bob.told("anna and carol don't hear each other", kind=Kind.CONVERSATION_CIRCLE)
        assert "/merge asks them again" in said
        await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
        await anna.told("bob", kind=Kind.CONVERSATION_OFF)
        await anna.told("bob", kind=Kind.CONVERSATION_ASKED)
        # Carol's question goes on without a word, so hers is answered last: it has come long before.
        for person in (anna, carol):
            await person.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        await all_hear_all(anna, bob, carol)


async def test_who_comes_back_too_late_reads_it_and_comes_in_again_by_a_call(friends: Path, tmp_path: Path) -> None:
    async with asked(friends, tmp_path) as (anna, bob, carol):
        await agreed(anna, carol)
        await all_hear_all(anna, bob, carol)
        await killed(anna)
        with anna.store() as store:
            for call in store.running_calls():
                store.save_call(dataclasses.replace(call, alive=call.alive - int(AWAITED_SECONDS)))
        await anna.begin()
        for _ in range(2):
            await anna.told(kind=Kind.INTERRUPTED)
        assert (await anna.status())["calls"] == []
        # The two others go on meanwhile. Anna's call replaces the one in which bob still waits for her.
        await bob.hears_more("carol")
        await carol.hears_more("bob")
