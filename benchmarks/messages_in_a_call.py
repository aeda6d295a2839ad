"""Whether a burst of messages interrupts the sound of a call: the longest that nothing is heard."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from tests.bot.telegram.burst import Burst
from tests.bot.telegram.people import Person, friends, two_people

NAME = "messages-in-a-call"
ROUNDS = 3
FOREIGN, COMMANDS = 300, 200
"Messages of the burst: links between others in a group, and the owner's own commands. Each comes twice."

GOAL = 100
"Milliseconds."

WHERE = ("longest silence at the bot that gets them", "longest silence at the other side")


def measure(rounds: int = ROUNDS, foreign: int = FOREIGN, commands: int = COMMANDS) -> Figure:
    """A call of two programs, one of which gets the burst; the same call without it lasts as long."""
    return asyncio.run(_measure(rounds, foreign, commands))


async def _measure(rounds: int, foreign: int, commands: int) -> Figure:
    lasted = 0.0
    with tempfile.TemporaryDirectory() as folder:
        async with two_people(Path(folder)) as (anna, ben, world, _):
            await friends(anna, ben)
            anna.bot.bot_to_bot = ben.bot.bot_to_bot = True
            ben.bot.privacy = False
            group = world.group("Crowd", anna.human, ben.human, ben.bot)
            await asyncio.gather(anna.begin(), ben.begin())

            async def burst() -> None:
                nonlocal lasted
                began = time.monotonic()
                await Burst(world, group, ben, foreign=foreign, commands=commands).handled()
                lasted = time.monotonic() - began

            noisy, calm = await interleaved_tasks(
                rounds, lambda: _silences(anna, ben, burst), lambda: _silences(anna, ben, lambda: asyncio.sleep(lasted))
            )
    rows = (
        Row(
            what,
            Samples.of(each[side] for each in noisy),
            "the same call without them",
            Samples.of(each[side] for each in calm),
            "ms",
            GOAL,
        )
        for side, what in enumerate(WHERE)
    )
    return Figure(NAME, "Sound during a burst of messages", tuple(rows))


async def _silences(anna: Person, ben: Person, meanwhile: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Milliseconds: the longest pause between two packets of sound in a call, at Ben's and at Anna's."""
    anna.says("/call bob")
    await asyncio.gather(anna.media(), ben.media())
    await meanwhile()
    calls = [await person.call_now() for person in (ben, anna)]
    anna.says("/hangup")
    await asyncio.gather(anna.call("ended"), ben.call("ended"))
    return float(calls[0]["audio_longest_gap_ms"]), float(calls[1]["audio_longest_gap_ms"])
