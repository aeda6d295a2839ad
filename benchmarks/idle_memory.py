"""What the program holds in memory while nothing happens."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved
from benchmarks.processes import Memory, memory
from benchmarks.programs import AIORTC, copybara, idle
from benchmarks.two_processes import OurPair

NAME = "idle-memory"
ROUNDS = 3

GOAL = 120
"Megabytes."

RATIO_GOAL = 1.25
"Of Python that has imported aiortc."

SETTLE_SECONDS = 0.5
"How long after its start, or after a call, a program is left alone before it is looked at."


def measure(rounds: int = ROUNDS, settle: float = SETTLE_SECONDS) -> Figure:
    """One program at a time, but for the two that have called each other."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ours, bare = interleaved(rounds, lambda: _of_copybara(home, settle), lambda: _of_bare_python(settle))
        after_call = asyncio.run(_after_a_call(rounds, settle))
    against = "Python with aiortc imported"
    return Figure(
        NAME,
        "Memory when idle",
        (
            Row("after the start, RSS", _resident(ours), against, _resident(bare), "MB", GOAL, RATIO_GOAL),
            Row("after the start, PSS", _proportional(ours), against, _proportional(bare), "MB", GOAL),
            Row("after a call, RSS", _resident(after_call), against, _resident(bare), "MB", GOAL),
        ),
    )


def _of_copybara(home: Path, settle: float) -> Memory:
    with copybara(home) as process_id:
        return _settled(process_id, settle)


def _of_bare_python(settle: float) -> Memory:
    with idle(AIORTC) as process_id:
        return _settled(process_id, settle)


async def _after_a_call(rounds: int, settle: float) -> list[Memory]:
    """Of the caller and the callee in turns, after as many calls as it takes to look `rounds` times."""
    async with OurPair.running() as pair:
        looks: list[Memory] = []
        while len(looks) < rounds:
            await pair.call()
            await pair.hang_up()
            await asyncio.sleep(settle)
            looks += [memory(process_id) for process_id in pair.process_ids]
        return looks[:rounds]


def _settled(process_id: int, settle: float) -> Memory:
    time.sleep(settle)
    return memory(process_id)


def _resident(looks: list[Memory]) -> Samples:
    return Samples.of(look.resident for look in looks)


def _proportional(looks: list[Memory]) -> Samples:
    return Samples.of(look.proportional for look in looks)
