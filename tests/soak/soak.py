"""The calls, and a look at each program from time to time."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.bot.console import SECONDS, Person, befriend, connect, hang_up, people
from tests.campaign import scenes
from tests.campaign.participant import Participant
from tests.soak.footprint import Footprint, footprint

FIRST_CONTACT_EVERY = 20
"Calls between two first contacts."


class Counted(Participant):
    """A person whose program reports its tasks and calls."""

    program = "tests.soak.counted"

    def command(self, *arguments: str) -> list[str]:
        """Another command than usual, so it isn't forked from a process that has imported everything."""
        return [sys.executable, "-m", self.program, str(self._counts), "--home", str(self.home), *arguments]

    @property
    def _counts(self) -> Path:
        return self.home.with_suffix(".counts")

    async def footprint(self, at: float) -> Footprint:
        """The current footprint of the program."""
        self._counts.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(SECONDS):
            while not self._counts.exists():
                await self.in_order()  # the signal takes effect between two steps of the program
        tasks, calls = map(int, self._counts.read_text().split())
        return footprint(self.process.pid, self.home, at, tasks, calls)


@dataclass
class Soaked:
    """The result of the calls."""

    calls: int = 0
    by_scene: Counter[str] = field(default_factory=Counter)
    footprints: dict[str, list[Footprint]] = field(default_factory=dict)
    "Footprints by person."

    seconds: float = 0.0


async def soak(
    folder: Path, calls: int, said: Callable[[str], None] = lambda line: None, *, every: int, pace: float = 0.0
) -> Soaked:
    """Make this many calls, at least `pace` seconds apart, with a look after `every` of them.

    Without a pace, a few hundred are too many: a contact may call 120 times in ten minutes (peer/calls/budget.py).
    """
    result, began = Soaked(), time.monotonic()
    async with people(folder, "anna", "bob", "carol", kind=Counted) as (anna, bob, carol):
        await befriend(anna, bob)
        await befriend(carol, bob)
        round_of = itertools.cycle(("answered", "declined", "taken back", "glare", "busy"))
        while result.calls < calls:
            next_at = time.monotonic() + pace
            result.calls += 1
            name = "first contact" if result.calls % FIRST_CONTACT_EVERY == 0 else next(round_of)
            caller, callee = (anna, bob) if result.calls % 2 else (bob, anna)
            if name == "busy":
                await _busy(caller, callee, carol)
            else:
                await scenes.SCENES[name](caller, callee)
            result.by_scene[name] += 1
            if result.calls % every == 0:
                for person in (anna, bob, carol):
                    assert isinstance(person, Counted)
                    await person.calm()
                    result.footprints.setdefault(person.name, []).append(await person.footprint(result.calls))
                said(f"{result.calls} calls, {time.monotonic() - began:.0f} s: {result.footprints['bob'][-1]}")
            await asyncio.sleep(next_at - time.monotonic())
    result.seconds = time.monotonic() - began
    return result


async def _busy(caller: Person, callee: Person, carol: Person) -> None:
    """Let Carol call Bob, who is in a call with Anna."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    carol.write("/call bob")
    await carol.call("ended", reason="remote-busy")
    await hang_up(caller, callee)
