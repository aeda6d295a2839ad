"""Numbers: several of each, ours and the alternative's in turns, with the median and how far they spread."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class TooBusy(Exception):
    """This machine does too much else for a figure to say anything; the table keeps what it had."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What several runs gave, in the order of the runs."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Samples:
        """At least one value."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def lowest(self) -> float:
        return min(self.values)

    @property
    def highest(self) -> float:
        return max(self.values)

    def by(self, other: Samples) -> Samples:
        """Each value as a share of the one that the other gave in the same round."""
        return Samples.of(ours / theirs for ours, theirs in zip(self.values, other.values, strict=True))


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    what: str
    "What our side measured."

    ours: Samples
    against: str = ""
    "What the alternative is; empty where there is none."

    theirs: Samples | None = None
    unit: str = ""
    goal: float | None = None
    "What ours must not exceed, in `unit`."

    ratio_goal: float | None = None
    "What ours must not exceed as a share of the alternative."

    @property
    def ratio(self) -> Samples | None:
        """Ours as a share of the alternative, if there is one: below 1 ours needs less."""
        return None if self.theirs is None else self.ours.by(self.theirs)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps to the goals; None without one."""
        if self.goal is None and self.ratio_goal is None:
            return None
        ratio = self.ratio
        return (self.goal is None or self.ours.median <= self.goal) and (
            self.ratio_goal is None or (ratio is not None and ratio.median <= self.ratio_goal)
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """The comparisons that answer one question."""

    name: str
    "Names its place in README.md."

    title: str
    rows: tuple[Row, ...]

    @property
    def met(self) -> bool:
        """Whether no goal was missed."""
        return all(row.met is not False for row in self.rows)


def interleaved(rounds: int, *runs: Callable[[], T]) -> tuple[list[T], ...]:
    """Do A B C, A B C …, so that whatever else the machine does meets all alike.

    Returns what each gave in each round. A round before the first one isn't kept: it fills caches. One round alone is
    for seeing that it works, and nothing comes before it.
    """
    taken = [[run() for run in runs] for _ in range(_warm_up(rounds) + rounds)]
    return _by_run(taken[_warm_up(rounds) :])


async def interleaved_tasks(rounds: int, *runs: Callable[[], Awaitable[T]]) -> tuple[list[T], ...]:
    """The same for what is awaited; one at a time."""
    taken = [[await run() for run in runs] for _ in range(_warm_up(rounds) + rounds)]
    return _by_run(taken[_warm_up(rounds) :])


def _warm_up(rounds: int) -> int:
    return 1 if rounds > 1 else 0


def _by_run(taken: Sequence[Sequence[T]]) -> tuple[list[T], ...]:
    return tuple(list(values) for values in zip(*taken, strict=True))
