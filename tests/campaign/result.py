"""What comes of a campaign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Result:
    """Of all its rounds."""

    kills: int = 0
    rounds: int = 0
    by_scene: Counter[str] = field(default_factory=Counter)
    by_victim: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
