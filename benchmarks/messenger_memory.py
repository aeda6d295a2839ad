"""What each messenger adds to the program's memory while nothing happens, the processes included that it starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples
from benchmarks.processes import Memory, of_family
from tests.bot.console import people
from tests.bot.deltachat.mail import PATH, MailServer
from tests.bot.deltachat.world import apps, owners
from tests.bot.matrix.homeserver import Homeserver
from tests.bot.matrix.members import bot, member
from tests.bot.telegram.people import two_people

NAME = "messenger-memory"
ROUNDS = 3

GOAL = 120
"Megabytes, as without one."

SETTLE_SECONDS = 0.5
"How long after its start a program is left alone before it is looked at."

Running = Callable[[Path], AbstractAsyncContextManager[int]]
"A program that waits for messages, in a folder of its own; its process id."


def why_not() -> str:
    """Why it can't be measured here; empty if it can."""
    return "" if shutil.which("dovecot", path=PATH + os.pathsep + os.environ["PATH"]) else "needs dovecot"


def measure(rounds: int = ROUNDS, settle: float = SETTLE_SECONDS) -> Figure:
    """One program at a time, each with one messenger or with none."""
    return asyncio.run(_measure(rounds, settle))


async def _measure(rounds: int, settle: float) -> Figure:
    found: dict[str, list[Memory]] = {name: [] for name in MESSENGERS}
    for _ in range(rounds):
        for name, running in MESSENGERS.items():
            with tempfile.TemporaryDirectory() as folder:
                async with running(Path(folder)) as process_id:
                    await asyncio.sleep(settle)
                    found[name].append(of_family(process_id))
    without = Samples.of(look.proportional for look in found.pop("none"))
    rows = (
        Row(f"with {name}, PSS", Samples.of(look.proportional for look in looks), "without", without, "MB", GOAL)
        for name, looks in found.items()
    )
    return Figure(NAME, "Memory with a messenger", tuple(rows))


@contextlib.asynccontextmanager
async def _none(folder: Path) -> AsyncIterator[int]:
    async with people(folder, "anna", config="[handset]\nenabled = false\n") as (anna,):
        yield anna.process.pid


@contextlib.asynccontextmanager
async def _telegram(folder: Path) -> AsyncIterator[int]:
    async with two_people(folder) as (anna, *_):
        await anna.begin()
        yield anna.process.pid


@contextlib.asynccontextmanager
async def _deltachat(folder: Path) -> AsyncIterator[int]:
    server = MailServer()
    with server.running(), apps(folder) as rpc:
        async with owners(folder, server, rpc, "Anna", config="[handset]\nenabled = false\n") as (anna,):
            yield anna.bot.process.pid


@contextlib.asynccontextmanager
async def _matrix(folder: Path) -> AsyncIterator[int]:
    (folder / "homes" / "anna").mkdir(mode=0o700, parents=True)
    async with (
        Homeserver().running() as server,
        member(server, folder, "anna") as owner,
        bot(server, folder / "running", owner, "anna", folder / "homes") as running,
    ):
        await running.asks("/status", "No calls")
        yield running.program.process.pid


MESSENGERS: dict[str, Running] = {
    "none": _none,
    "Telegram": _telegram,
    "Delta Chat": _deltachat,
    "Matrix": _matrix,
}
