"""Every task that lives as long as the program or a call is ended once, in a real program with two calls.

Its function starts again, or ends with a reason, and nothing else is affected.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from tests.bot.console import SECONDS, Person, connect, people
from tests.bot.killing import Mortal

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

BEGIN_AGAIN = (
    "Watching the overlay",
    "Reading messages",
    "Telling the page",
    "Test calls",
    "Showing calls on the desktop",
    "Serving other devices",
    "The upkeep of calls",
    "Conversations of several people",
    "Learning where contacts write from",
    "Telling systemd that the program lives",
    "Erasing removed devices",
    "Keeping where sound and picture are",
    "Removing what is left of files",
    "Serving the page",
)
"The program's tasks. Each starts again, and no call notices."

END_THEIR_CALL = ("line", "session", "media", "redialling", "following the overlay", "files", "recording", "a leg")
"Tasks of a call that can't do without them."

DIAL_AGAIN = ("pings", "being overtaken", "RTCDtlsTransport.__run")
"Tasks of a leg. The call treats the leg as lost."

END_THEIR_MEDIA = ("RTCRtpSender._run_rtp",)
"Tasks of sent media. The owner reads it, and the call goes on."

END_THEIR_FILES = tuple(f"files: {part}" for part in ("arriving", "leaving", "offers", "reading", "jobs", "clock"))
"Tasks of a call's files. The files end, and the call goes on."

NOT_MISSED = (
    "RTCRtpSender._run_rtcp",
    "RTCIceTransport._monitor",
    "Connection.query_consent",
    "_notice_end",
)
"Tasks of libraries, and tasks that watch them. No sent or heard media depend on them; pings notice silence."

THE_PROGRAM = "_with_a_way_in.<locals>.run_with_it"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def everybody(friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Person, ...]]:
    folder = tmp_path_factory.mktemp("killing")
    async with people(folder, "anna", "carol", homes=friends) as (anna, carol):
        config = "[calls]\nat_once = 2\n"
        async with people(folder, "bob", homes=friends, config=config, chat=anna.chat, kind=Mortal) as (bob,):
            yield anna, carol, bob


@pytest_asyncio.fixture(loop_scope="module")
async def in_two_calls(everybody: tuple[Person, ...]) -> AsyncIterator[tuple[Person, Person, Mortal]]:
    """Anna and carol, each in a call with bob, whose tasks can be ended."""
    anna, carol, bob = everybody
    assert isinstance(bob, Mortal)
    for caller in (anna, carol):
        await connect(caller, bob)
        await caller.media()
    yield anna, carol, bob
    assert bob.running
    for person in everybody:
        await person.calm()


async def runs(bob: Mortal, name: str) -> None:
    """Wait until there is a task with that name."""
    async with asyncio.timeout(SECONDS):
        while name not in await bob.tasks():  # noqa: ASYNC110 -- nobody tells of tasks
            await asyncio.sleep(0.05)


async def test_there_is_a_row_for_every_task(in_two_calls: tuple[Person, Person, Mortal]) -> None:
    *_, bob = in_two_calls
    named = {re.sub(r" \d+$", "", name) for name in await bob.tasks()} - {THE_PROGRAM}
    assert named == {*BEGIN_AGAIN, *END_THEIR_CALL, *DIAL_AGAIN, *END_THEIR_MEDIA, *END_THEIR_FILES, *NOT_MISSED}


@pytest.mark.parametrize("name", BEGIN_AGAIN)
async def test_a_task_of_the_program_begins_again_and_no_call_notices(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    anna, carol, bob = in_two_calls
    before = len(bob.calls)
    for _ in range(2):
        await runs(bob, name)
        await bob.tasks(kill=name)
    await runs(bob, name)
    if name in ("Watching the overlay", "Reading messages"):
        assert name in await bob.told(kind=Kind.PART_RESTARTED)
    await bob.asked("/status", kind=Kind.STATUS)
    for person in (anna, carol):
        await person.hears_more()
    assert {call["state"] for call in bob.calls[before:]} <= {"active"}
    assert bob.errors.count(f"{name} ended (CancelledError), and begins again") == 2


@pytest.mark.parametrize("name", END_THEIR_CALL)
async def test_a_task_that_a_call_cannot_do_without_ends_that_call_and_no_other(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    anna, carol, bob = in_two_calls
    full = next(each for each in await bob.tasks() if each.startswith(name))
    await bob.tasks(kill=full)
    assert "failed" in await bob.told(kind=Kind.ENDED)
    ended = await bob.call("ended", reason="failed")
    others = carol if ended["with"] == "anna" else anna
    (call,) = (await bob.status())["calls"]
    assert call["with"] == others.name
    await others.hears_more()
    # The person whose call has ended can call again.
    again = anna if others is carol else carol
    await again.calm()  # without a session nobody said goodbye, and the other side would dial for a minute
    await connect(again, bob)
    await others.hears_more()


@pytest.mark.parametrize("name", DIAL_AGAIN)
async def test_a_task_that_a_leg_cannot_do_without_lets_it_be_dialled_again(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    anna, carol, bob = in_two_calls
    before = {person.name: len(person.calls) for person in (anna, carol)}
    await bob.tasks(kill=name)
    lost = await bob.call("reconnecting")
    await bob.call("active")
    other = carol if lost["with"] == "anna" else anna
    assert not any(call["state"] == "reconnecting" for call in other.calls[before[other.name] :])
    for person in (anna, carol):
        await person.hears_more()


@pytest.mark.parametrize("name", END_THEIR_MEDIA)
async def test_a_task_that_sends_is_missed_by_its_owner_and_the_call_goes_on(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    *_, bob = in_two_calls
    await bob.tasks(kill=name)
    await bob.told("can't be sent any more", kind=Kind.MEDIA_TROUBLE)
    assert [call["state"] for call in (await bob.status())["calls"]] == ["active", "active"]


@pytest.mark.parametrize("name", END_THEIR_FILES)
async def test_a_task_of_the_files_ends_the_files_of_its_call_and_the_call_goes_on(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    anna, carol, bob = in_two_calls
    before, broken = len(bob.calls), bob.errors.count("the files of a call are broken")
    await bob.tasks(kill=name)
    for person in (anna, carol):
        await person.hears_more()
    assert bob.errors.count("the files of a call are broken") == broken + 1
    assert sum(each == name for each in await bob.tasks()) == 1, "the other call's"
    assert {call["state"] for call in bob.calls[before:]} <= {"active"}


@pytest.mark.parametrize("name", NOT_MISSED)
async def test_a_task_on_which_nothing_depends_is_missed_by_nobody(
    in_two_calls: tuple[Person, Person, Mortal], name: str
) -> None:
    anna, carol, bob = in_two_calls
    before = len(bob.calls)
    await bob.tasks(kill=name)
    for person in (anna, carol):
        await person.hears_more()
    await bob.asked("/status", kind=Kind.STATUS)
    assert {call["state"] for call in bob.calls[before:]} <= {"active"}
