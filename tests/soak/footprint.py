"""What a program uses at a moment, as Linux measures it, and how that grows."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from benchmarks.processes import memory


@dataclass(frozen=True, slots=True)
class Footprint:
    """The resources of one program."""

    at: float
    "The progress: the number of calls so far, or the minutes of the current call."

    tasks: int
    "Unfinished asyncio tasks."

    calls: int
    "Calls in memory, including ended ones. If anything refers to a call, its session and all its buffers are kept."

    descriptors: int
    threads: int
    files: int
    "Files in its home."

    heaps: int
    "Heaps of malloc beside the first one. Each thread may have its own."

    memory: float
    "Resident memory in megabytes."


def footprint(pid: int, home: Path, at: float, tasks: int, calls: int) -> Footprint:
    """Measure a running program."""
    process = Path(f"/proc/{pid}")
    return Footprint(
        at=at,
        tasks=tasks,
        calls=calls,
        descriptors=len(os.listdir(process / "fd")),
        threads=len(os.listdir(process / "task")),
        files=sum(path.is_file() for path in home.rglob("*")),
        heaps=heaps(pid),
        memory=memory(pid).resident,
    )


HEAP_BYTES = 64 << 20
"The size and alignment of each glibc heap but the first, on 64-bit machines."


def heaps(pid: int) -> int:
    """Count a program's heaps beside the first one. The used and the reserved part of each fill HEAP_BYTES."""
    ranges = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, permissions, _ = line.split(maxsplit=2)
        start, end = (int(each, 16) for each in place.split("-"))
        ranges.append((start, end, permissions))
    return sum(
        start % HEAP_BYTES == 0 and permissions == "rw-p" and (end, start + HEAP_BYTES, "---p") == reserved
        for (start, end, permissions), reserved in itertools.pairwise(ranges)
    )


def kilobytes_each(footprints: Sequence[Footprint]) -> float:
    """The growth of the memory per call or minute, by least squares."""
    slope, _ = linear_regression([each.at for each in footprints], [each.memory for each in footprints])
    return slope * 1000


SLACK = {"tasks": 3, "calls": 3, "descriptors": 3, "threads": 6, "files": 3}
"Growth by chance: an open question, a journal of SQLite, worker threads of the event loop."


def piled_up(footprints: Sequence[Footprint]) -> list[str]:
    """What was clearly more at the end than ever in the first half."""
    return more_than(footprints[: len(footprints) // 2], footprints[-1])


def more_than(before: Sequence[Footprint], last: Footprint) -> list[str]:
    """What is clearly more than at any look before."""
    return [
        f"{what}: {getattr(last, what)}, before at most {most}"
        for what, slack in SLACK.items()
        if getattr(last, what) > slack + (most := max(getattr(each, what) for each in before))
    ]
