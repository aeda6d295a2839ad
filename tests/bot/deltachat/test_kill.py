"""After a kill, nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from deltachat_rpc_client import Rpc

from tests.bot.console import Chat, Person, as_before, people
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import Owner, number_of, owners

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_anna(
    tmp_path_factory: pytest.TempPathFactory, friends: Path, server: MailServer, rpc: Rpc
) -> AsyncIterator[Owner]:
    folder: Path = tmp_path_factory.mktemp("bots")
    shutil.copytree(friends / "anna", folder / "anna")
    async with owners(folder, server, rpc, "Anna") as (anna,):
        yield anna


@pytest_asyncio.fixture(loop_scope="module")
async def anna(running_anna: Owner) -> AsyncIterator[Owner]:
    """Anna with her bot, who has Bob in her contacts. A test may end the bot in any way."""
    yield running_anna
    await as_before(running_anna.bot)


async def _told(owner: Owner, containing: str) -> str:
    return await asyncio.to_thread(owner.reads, containing)


async def test_a_call_that_rang_when_the_program_was_killed_rings_again_and_can_be_answered(
    anna: Owner, friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "bob", homes=friends, chat=Chat()) as (bob,):
        bob.write("/call anna")
        link = str((await bob.posted("chat"))["text"])
        anna.says(link)
        await _told(anna, "Reply 1: Answer")
        await anna.bot.call("ringing")
        assert await anna.bot.signalled(signal.SIGKILL) == -signal.SIGKILL
        # Messages in the meantime wait for the next start.
        anna.says("/contacts")
        await anna.bot.begin()
        rings = await _told(anna, "Reply")
        await _told(anna, "bob")
        anna.says(number_of("Answer", rings))
        await anna.bot.call("active")
        await bob.call("active")
        # It rang once before the kill and once after it.
        assert len([m for m in anna.app.messages(anna.chat) if ": Answer, " in m["text"]]) == 2
        anna.says("/hangup")
        await bob.call("ended")


async def test_when_the_core_is_killed_it_is_started_again(anna: Owner) -> None:
    await anna.asks("/status", "No calls.")  # there is a core once it has carried an answer
    core = _core_of(anna.bot)
    os.kill(int(core), signal.SIGKILL)
    assert "No calls." in await anna.asks("/status", "No calls.")
    assert _core_of(anna.bot) != core


def _core_of(person: Person) -> str:
    """The process number of a program's core. Empty if there is none now."""
    children = Path(f"/proc/{person.process.pid}/task/{person.process.pid}/children").read_text().split()
    found = [each for each in children if "deltachat" in Path(f"/proc/{each}/cmdline").read_text()]
    return found[0] if found else ""
