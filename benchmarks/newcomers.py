"""What it takes two people on fresh Debian machines, by the commands of our own texts, until they see each other.

packages/newcomers.py does it; the machines are made and booted by packages/systems. Needs root, and what
packages/system-packages installs.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples
from packages.newcomers import Effort, walk
from packages.systems.debian import RELEASES, missing

NAME = "newcomers"
ROUNDS = 1
"Once: the figures that matter are counted."

MOST_COMMANDS = 3
MOST_SECONDS = 180

BEFORE = "by hand, before there was a set-up"
COMMANDS_BEFORE, EDITS_BEFORE = 13, 4
"Counted once, by somebody who tried."


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if os.geteuid() != 0:
        return "machines of one's own need root"
    return f"needs {', '.join(missing())}" if missing() else ""


def measure(rounds: int = ROUNDS) -> Figure:
    """Both releases one after the other, each with two people."""
    rows: list[Row] = []
    for release, title in RELEASES.items():
        walks = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(prefix="copybara-") as folder:
                walks.append(asyncio.run(walk(release, Path(folder))))
        rows += _rows(f"{title}, README.md", [each.reader for each in walks])
        rows += _rows(f"{title}, invitation", [each.friend for each in walks])
    return Figure(NAME, "From nothing to sound and picture on both sides, for each of two people", tuple(rows))


def _rows(who: str, efforts: list[Effort]) -> Iterator[Row]:
    def before(count: int) -> Samples:
        return Samples.of([count] * len(efforts))

    commands = Samples.of(len(effort.commands) for effort in efforts)
    edits = Samples.of(effort.edits for effort in efforts)
    yield Row(f"{who}: commands", commands, BEFORE, before(COMMANDS_BEFORE), goal=MOST_COMMANDS)
    yield Row(f"{who}: edited files", edits, BEFORE, before(EDITS_BEFORE), goal=0)
    yield Row(f"{who}: questions answered", Samples.of(len(effort.answers) for effort in efforts))
    yield Row(f"{who}: pastes", Samples.of(effort.pastes for effort in efforts))
    yield Row(f"{who}: machine", Samples.of(effort.seconds for effort in efforts), unit="s", goal=MOST_SECONDS)
