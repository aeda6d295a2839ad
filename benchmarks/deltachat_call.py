"""From the owner's `/call` in Delta Chat to sound and picture on both sides, against the same call on consoles."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from tests.bot.console import Person, befriend, people
from tests.bot.deltachat.mail import PATH, MailServer
from tests.bot.deltachat.world import Owner, apps, group_of, owners

NAME = "deltachat-call"
ROUNDS = 5
GOAL = 3000
"Milliseconds."


def why_not() -> str:
    """Why it can't be measured here; empty if it can."""
    programs = shutil.which("dovecot", path=PATH) and importlib.util.find_spec("deltachat_rpc_server")
    return "" if programs else "needs dovecot (Debian: dovecot-core, dovecot-imapd) and deltachat-rpc-server (pip)"


def measure(rounds: int = ROUNDS) -> Figure:
    """A trusted contact's call in an encrypted group: the human writes in a core of their own, mail is on loopback."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "homes").mkdir()
        async with people(folder / "homes", "anna", "bob") as (anna, bob):
            await befriend(anna, bob)
            await bob.asked("/contact trust anna")
        shutil.copytree(folder / "homes", folder / "friends")
        server = MailServer()
        with server.running(), apps(folder) as rpc:
            async with (
                people(folder / "homes", "anna", "bob") as (anna, bob),
                owners(folder / "friends", server, rpc, "Anna", "Bob") as (hers, his),
            ):
                group, _ = await asyncio.to_thread(group_of, hers, his)

                async def in_deltachat() -> float:
                    began = time.monotonic()
                    hers.app.writes(group, "/call bob")
                    return await _media(hers, his) - began

                async def on_consoles() -> float:
                    began = time.monotonic()
                    anna.write("/call bob")
                    return await _media(anna, bob) - began

                deltachat, console = await interleaved_tasks(rounds, in_deltachat, on_consoles)
    ours, theirs = (Samples.of(1000 * seconds for seconds in each) for each in (deltachat, console))
    row = Row("in an encrypted group of Delta Chat", ours, "the same programs on consoles", theirs, "ms", GOAL)
    return Figure(NAME, "From /call to sound and picture in Delta Chat", (row,))


async def _media(caller: Person | Owner, callee: Person | Owner) -> float:
    """Wait until both have sound and picture, and return when that was; then end the call."""
    programs = [who.bot if isinstance(who, Owner) else who for who in (caller, callee)]
    await asyncio.gather(*(program.media() for program in programs))
    then = time.monotonic()
    if isinstance(caller, Owner):
        caller.says("/hangup")
    else:
        caller.write("/hangup")
    await asyncio.gather(*(program.call("ended") for program in programs))
    return then
