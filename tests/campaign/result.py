"""The result of a campaign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Result:
    """The result of all rounds of a campaign."""

    kills: int = 0
    rounds: int = 0
    by_scene: Counter[str] = field(default_factory=Counter)
    by_victim: Counter[str] = field(default_factory=Counter)
    by_moment: Counter[str] = field(default_factory=Counter)
    "Kills, by the state of the killed program."

    calls: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Result) -> None:
        """Add the result of another campaign that ran at the same time."""
        self.kills += other.kills
        self.rounds += other.rounds
        self.by_scene += other.by_scene
        self.by_victim += other.by_victim
        self.by_moment += other.by_moment
        self.calls += other.calls
        self.faults += other.faults
        self.seconds = max(self.seconds, other.seconds)
