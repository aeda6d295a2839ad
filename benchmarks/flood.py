"""What a flood of a call's port costs: the sound that is lost, and the processor."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.processes import processor_seconds
from tests.bot.console import Person, befriend, connect, hang_up, people

NAME = "flood"
ROUNDS = 3
SECONDS = 10.0
PER_SECOND = 50_000

EVE = "127.66.6.6"
"A third node."

LEAST = 0.01
"Per cent, added to both, so that none and none can be compared."


def measure(rounds: int = ROUNDS, seconds: float = SECONDS, per_second: int = PER_SECOND) -> Figure:
    """A call between two programs, while a third node floods the port of one, while another program at the other's
    address does, and while nobody does.
    """
    return asyncio.run(_measure(rounds, seconds, per_second))


async def _measure(rounds: int, seconds: float, per_second: int) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        async with people(Path(folder), "anna", "ben") as (anna, ben):
            await befriend(anna, ben)
            third, other, calm = await interleaved_tasks(
                rounds,
                lambda: _flooded(anna, ben, EVE, seconds, per_second),
                lambda: _flooded(anna, ben, "", seconds, per_second),
                lambda: _flooded(anna, ben, None, seconds, per_second),
            )
    rows = []
    for who, flooded in (("a third node", third), ("another port of the other side's address", other)):
        for number, (what, unit) in enumerate(
            (("sound that is lost", "%"), ("longest pause in the sound", "ms"), ("processor of the flooded side", "%"))
        ):
            ours, theirs = (Samples.of(each[number] for each in samples) for samples in (flooded, calm))
            rows.append(Row(f"{who}: {what}", ours, "the same call without it", theirs, unit))
        came = Samples.of(each[3] for each in flooded)
        rows.append(
            Row(f"{who}: datagrams a second", came, "as many as were wanted", Samples.of([per_second] * rounds))
        )
    return Figure(NAME, "A flood of a call's port", tuple(rows))


async def _flooded(
    anna: Person, ben: Person, source: str | None, seconds: float, per_second: int
) -> tuple[float, float, float, float]:
    """Per cent of the sound, milliseconds, per cent of a core, datagrams a second. From nowhere, from the other side's
    address if `source` is empty.
    """
    await connect(anna, ben)
    await asyncio.gather(anna.media(), ben.media())
    host, port = (await _call(anna))["local"].split(":")
    before, used = await _call(anna), processor_seconds(anna.process.pid)
    sent = 0.0
    if source is None:
        await asyncio.sleep(seconds)
    else:
        source = source or (await _call(anna))["remote"].split(":")[0]
        command = ("-m", "benchmarks.flooding", source, host, port, str(per_second), str(seconds))
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE)
        out, _ = await process.communicate()
        sent = float(out)
    used = processor_seconds(anna.process.pid) - used
    after = await _call(anna)
    assert after["state"] == "active"
    came, lost = (after[name] - before[name] for name in ("audio_packets_received", "lost"))
    await hang_up(anna, ben)
    return lost / max(1, came + lost) * 100 + LEAST, after["audio_longest_gap_ms"], used / seconds * 100, sent


async def _call(person: Person) -> dict[str, Any]:
    """How the one call stands."""
    (call,) = (await person.status())["calls"]
    return dict(call)
