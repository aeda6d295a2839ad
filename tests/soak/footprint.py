"""What a program holds at a moment, as Linux sees it, and how it grows."""

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
    """Of one program."""

    at: float
    "How far it has come: in calls that it has had, or in minutes of the one that it is in."

    tasks: int
    "Unfinished asyncio tasks."

    calls: int
    "Calls in memory, also of those that are over: a call that somebody keeps has its session and all its buffers."

    descriptors: int
    threads: int
    files: int
    "In its home."

    heaps: int
    "Of malloc's, beside the first one: each thread may have its own."

    memory: float
    "Megabytes, resident."


def footprint(pid: int, home: Path, at: float, tasks: int, calls: int) -> Footprint:
    """Look at a running program."""
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
"What glibc reserves for a heap that isn't the first one, and to which it aligns it, on machines of 64 bits."


def heaps(pid: int) -> int:
    """How many heaps a program has beside the first one: the used part of each and the reserved one fill HEAP_BYTES."""
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
    """The slope of the memory over the calls or minutes, by least squares."""
    slope, _ = linear_regression([each.at for each in footprints], [each.memory for each in footprints])
    return slope * 1000


SLACK = {"tasks": 3, "calls": 3, "descriptors": 3, "threads": 6, "files": 3}
"What there may be more of by chance: somebody's question, a journal of SQLite's, worker threads of the event loop."


def piled_up(footprints: Sequence[Footprint]) -> list[str]:
    """What there was clearly more of at the end than ever in the first half of the looks."""
    return more_than(footprints[: len(footprints) // 2], footprints[-1])


def more_than(before: Sequence[Footprint], last: Footprint) -> list[str]:
    """What there is clearly more of than there was at any look before."""
    return [
        f"{what}: {getattr(last, what)}, before at most {most}"
        for what, slack in SLACK.items()
        if getattr(last, what) > slack + (most := max(getattr(each, what) for each in before))
    ]
