"""A time that has surely passed.

Whatever is deleted for its age can't come back, so a wrong clock must delete nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.asleep import uptime

AGREES_SECONDS = 60.0
"How much two readings of the clock may differ from the time that has passed between them."

UNSURE_SECONDS = 30 * 24 * 3600.0
"How much is subtracted from the clock until it is known to be right."


class SteadyClock:
    """Compares readings of the clock. They must be further apart than a wrong clock usually stays uncorrected."""

    def __init__(self, clock: Callable[[], float], uptime: Callable[[], float] = uptime) -> None:
        """`clock` gives the time in Unix seconds. `uptime` counts seconds and never jumps."""
        self._clock = clock
        self._uptime = uptime
        self._before: tuple[float, float] | None = None

    def past(self) -> float:
        """A time in Unix seconds that has passed: the clock's, if it hasn't jumped since the last reading."""
        now, up = self._clock(), self._uptime()
        before, self._before = self._before, (now, up)
        if before is not None and abs((now - before[0]) - (up - before[1])) <= AGREES_SECONDS:
            return now
        return now - UNSURE_SECONDS
