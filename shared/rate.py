"""How often something may happen: a token bucket. Pure; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is allowed."""

    at_once: int
    "Times in a row."

    per_second: float
    "Times a second in the long run."


class Bucket:
    """Counts against one limit."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._left = float(limit.at_once)
        self._at: float | None = None

    def takes(self, now: float) -> bool:
        """Whether once more is within the limit at `now`, in seconds of a clock that never goes back; it counts."""
        if self._at is not None:
            self._left = min(float(self._limit.at_once), self._left + (now - self._at) * self._limit.per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
