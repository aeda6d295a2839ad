"""What time it is for sure: what is forgotten for its age never comes back, so a clock that jumps forgets nothing."""

from __future__ import annotations

from collections.abc import Callable

from shared.asleep import uptime

AGREES_SECONDS = 60.0
"By how much two looks at the clock may differ from the time that has passed between them."

UNSURE_SECONDS = 30 * 24 * 3600.0
"So much is taken off what the clock says as long as nothing shows that it is right."


class SteadyClock:
    """Looked at now and then, at least as far apart as a clock that is ahead is left uncorrected."""

    def __init__(self, clock: Callable[[], float], uptime: Callable[[], float] = uptime) -> None:
        """`clock` is the time in Unix seconds, `uptime` counts seconds and never jumps."""
        self._clock = clock
        self._uptime = uptime
        self._before: tuple[float, float] | None = None

    def past(self) -> float:
        """A time that has passed, Unix seconds: that of the clock, if it has run since the last look without a jump."""
        now, up = self._clock(), self._uptime()
        before, self._before = self._before, (now, up)
        if before is not None and abs((now - before[0]) - (up - before[1])) <= AGREES_SECONDS:
            return now
        return now - UNSURE_SECONDS
