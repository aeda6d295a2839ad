"""How often something may happen: a token bucket. Pure; time is passed in."""

from __future__ import annotations

from collections.abc import Callable
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

    def give_back(self) -> None:
        """One that was within the limit doesn't count after all."""
        self._left = min(float(self._limit.at_once), self._left + 1)

    def share(self, now: float, most: int) -> int:
        """How many of `most` more are within the limit at `now`; they count. At least one, or none."""
        return most if self.takes(now, most) else int(self.takes(now))


class Prepaid:
    """Counts against a bucket for what comes thousands of times a second: it looks at the clock once for several."""

    def __init__(self, bucket: Bucket, several: int) -> None:
        """`several` is what may be taken at once: small beside what the limit allows in a row."""
        self._bucket = bucket
        self._several = several
        self._left = 0

    def takes(self, clock: Callable[[], float], times: int) -> int:
        """How many of `times` more are within the limit; they count. `clock` as Bucket.takes has it."""
        while self._left < times and (more := self._bucket.share(clock(), self._several)):
            self._left += more
        taken = min(times, self._left)
        self._left -= taken
        return taken
