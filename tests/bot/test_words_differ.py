"""A person has compared the four words of a call, and says in the chat that they differ. Its key proves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, befriend, hang_up, people

pytestmark = pytest.mark.slow


async def first_call(caller: Person, callee: Person) -> str:
    """A call of two people without a shared key, until both have read the words. Returns what the callee read."""
    caller.write(f"/call {callee.node}")
    await callee.call("ringing")
    callee.write("/answer")
    _, told = await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (caller, callee)))
    await asyncio.gather(*(person.call("active") for person in (caller, callee)))
    return told


def keys_of(person: Person, other: Person) -> tuple[int, int]:
    """How many of its keys for the other person prove something, and how many wait for their words."""
    with person.store() as store:
        return len(store.secrets_of(other.id)), len(store.quarantined_secrets(other.id))


@pytest.mark.parametrize("saved", ["before", "in the call", "after it"])
@pytest.mark.parametrize("over", [False, True])
async def test_what_was_agreed_in_a_call_whose_words_differ_is_nobodys_key(
    tmp_path: Path, saved: str, over: bool
) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        if saved == "before":
            await bob.asked(f"/contact add anna {anna.node}", kind=Kind.CONTACT_SAVED)
        told = await first_call(anna, bob)
        command = "/differ anna" if saved == "before" else "/differ"
        assert told.splitlines()[2] == f"If they differ, hang up with: {command}"
        if saved == "in the call":
            await bob.asked("/contact add anna", kind=Kind.CONTACT_SAVED)
        if over:
            await hang_up(bob, anna)
        bob.write(command)
        if not over:
            assert (await bob.call("ended"))["reason"] == "hung-up"
        answer = await bob.told(kind=Kind.WORDS_DIFFER)
        assert "The key that was agreed in it proves nothing now." in answer
        assert "compare the words again in your next call" in answer
        if saved == "after it":
            assert "After your first call" in await bob.asked(f"/contact add anna {anna.node}", kind=Kind.CONTACT_SAVED)
        assert keys_of(bob, anna) == (0, 1)
        bob.write("/call anna")
        assert len((await bob.posted("chat"))["token"]) == 128, "a first call again, whose words can be compared"


async def test_hanging_up_alone_leaves_the_key_as_it_is(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        await bob.asked(f"/contact add anna {anna.node}", kind=Kind.CONTACT_SAVED)
        await first_call(anna, bob)
        await hang_up(bob, anna)
        assert keys_of(bob, anna) == (1, 0)


async def test_the_shell_has_the_same_and_the_contact_saved_since_is_meant_by_name(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        await first_call(anna, bob)
        await hang_up(bob, anna)
        await bob.asked("/contact add anna", kind=Kind.CONTACT_SAVED)
        code, out, errors = await bob.cli("differ", "anna")
        assert (code, errors) == (0, "")
        assert "proves nothing now" in out
        assert keys_of(bob, anna) == (0, 1)


async def test_a_call_that_a_key_proves_has_no_words_to_differ(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        refused = await bob.asked("/differ", kind="error.no-call")
        assert refused.startswith("There is no call whose words you could have compared.")
        await befriend(anna, bob)
        before = keys_of(bob, anna)
        anna.write("/call bob")
        await bob.told(kind=Kind.RINGS)
        bob.write("/answer")
        await bob.call("active")
        refused = await bob.asked("/differ anna", kind="error.no-call")
        assert "/contact renew anna" in refused
        assert keys_of(bob, anna) >= before
        await hang_up(bob, anna)


async def test_other_words_than_those_of_the_call_lead_to_the_same_command(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        await bob.asked(f"/contact add anna {anna.node}", kind=Kind.CONTACT_SAVED)
        await first_call(anna, bob)
        refused = await bob.asked("/contact confirm anna zoo zoo zoo zoo", kind="error.nothing-to-confirm")
        assert refused.endswith("If they differ: /differ anna")
        await bob.asked("/differ anna", kind=Kind.WORDS_DIFFER)
        refused = await bob.asked("/contact confirm anna zoo zoo zoo zoo", kind="error.nothing-to-confirm")
        assert refused.endswith("If anna read others to you than you see: /differ anna")
