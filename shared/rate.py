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

    def takes(self, now: float, times: int = 1) -> bool:
        """Whether `times` more are within the limit at `now`, in seconds of a clock that never goes back.

        If they are, they count; if not, none does.
        """
        if self._at is not None:
            self._left = min(float(self._limit.at_once), self._left + (now - self._at) * self._limit.per_second)
        self._at = now
        if self._left < times:
            return False
        self._left -= times
        return True
