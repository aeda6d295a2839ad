"""From the owner's `/call` in Matrix to sound and picture on both sides, against the same call on consoles."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from tests.bot.console import Person, befriend, people
from tests.bot.matrix.people import CONFIG, shared_room, somebody
from tests.bot.matrix.synapse import Synapse, is_installed

NAME = "matrix-call"
ROUNDS = 5
GOAL = 3000
"Milliseconds."


def why_not() -> str:
    """Why it can't be measured here; empty if it can."""
    return "" if is_installed() else "needs Synapse and matrix-js-sdk (tests/synapse, tests/node-packages)"


def measure(rounds: int = ROUNDS) -> Figure:
    """A trusted contact's call in an encrypted room: the human writes with Element's crypto, Synapse is on loopback."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("homes", "synapse", "a", "b"):
            (folder / each).mkdir()
        async with people(folder / "homes", "anna", "bob", config=CONFIG) as (anna, bob):
            await befriend(anna, bob)
            await bob.asked("/contact trust anna")
        shutil.copytree(folder / "homes", folder / "friends")
        server = Synapse(folder / "synapse")
        await asyncio.to_thread(server.start)
        try:
            async with (
                people(folder / "homes", "anna", "bob", config=CONFIG) as (anna, bob),
                somebody(server, folder / "a", "anna", folder / "friends") as hers,
                somebody(server, folder / "b", "bob", folder / "friends") as his,
            ):
                room = await shared_room(hers, his)

                async def in_matrix() -> float:
                    began = time.monotonic()
                    await hers.says("/call bob", room)
                    return await _media(hers.program, his.program) - began

                async def on_consoles() -> float:
                    began = time.monotonic()
                    anna.write("/call bob")
                    return await _media(anna, bob) - began

                matrix, console = await interleaved_tasks(rounds, in_matrix, on_consoles)
        finally:
            await asyncio.to_thread(server.stop)
    ours, theirs = (Samples.of(1000 * seconds for seconds in each) for each in (matrix, console))
    row = Row("in an encrypted room of Matrix", ours, "the same programs on consoles", theirs, "ms", GOAL)
    return Figure(NAME, "From /call to sound and picture in Matrix", (row,))


async def _media(caller: Person, callee: Person) -> float:
    """Wait until both have sound and picture, and return when that was; then end the call."""
    await asyncio.gather(caller.media(), callee.media())
    then = time.monotonic()
    caller.write("/hangup")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))
    return then
