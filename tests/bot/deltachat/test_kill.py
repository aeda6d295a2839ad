"""Kills: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from deltachat_rpc_client import Rpc

from tests.bot.console import Chat, Person, befriend, people
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import Owner, owners


async def _told(owner: Owner, containing: str) -> str:
    return await asyncio.to_thread(owner.reads, containing)


async def test_a_call_that_rang_when_the_program_was_killed_rings_again_and_can_be_answered(
    tmp_path: Path, server: MailServer, rpc: Rpc
) -> None:
    async with people(tmp_path, "eve", "anna") as (eve, anna):
        await befriend(eve, anna)
    async with owners(tmp_path, server, rpc, "Anna") as (owner,), people(tmp_path, "eve", chat=Chat()) as (eve,):
        eve.write("/call anna")
        link = str((await eve.posted("chat"))["text"])
        owner.says(link)
        await _told(owner, "Reply 1: Answer")
        await owner.bot.call("ringing")
        assert await owner.bot.signalled(signal.SIGKILL) == -signal.SIGKILL
        # What is written meanwhile waits for the next start.
        owner.says("/contacts")
        await owner.bot.begin()
        rings = await _told(owner, "Reply")
        number = rings.partition(": Answer")[0].rpartition(" ")[2]
        await _told(owner, "eve")
        owner.says(number)
        await owner.bot.call("active")
        await eve.call("active")
        # It rang once before the kill, and once afterwards.
        assert len([m for m in owner.app.messages(owner.chat) if "Reply 1: Answer" in m["text"]]) == 2
        owner.says("/hangup")
        await eve.call("ended")


async def test_when_the_core_is_killed_it_is_started_again(tmp_path: Path, server: MailServer, rpc: Rpc) -> None:
    async with owners(tmp_path, server, rpc, "Carl") as (owner,):
        core = _core_of(owner.bot)
        os.kill(int(core), signal.SIGKILL)
        assert "No calls." in await owner.asks("/status", "No calls.")
        assert _core_of(owner.bot) != core


def _core_of(person: Person) -> str:
    """The process number of a program's core; empty if there is none just now."""
    children = Path(f"/proc/{person.process.pid}/task/{person.process.pid}/children").read_text().split()
    found = [each for each in children if "deltachat" in Path(f"/proc/{each}/cmdline").read_text()]
    return found[0] if found else ""
