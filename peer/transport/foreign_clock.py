"""The other side's times, read by our clock. Pure."""

from __future__ import annotations

MAX_BEHIND, MAX_AHEAD = 4.0, 1.0
"Seconds by which the newest time in what has just come may be off from what earlier ones let us expect."


class ForeignClock:
    """A clock that the other side reads, sets and moves as it likes."""

    def __init__(self) -> None:
        self._ahead: float | None = None
        "Seconds by which it was ahead, as far as one can tell, when it was set last."

        self._latest = 0.0

    def heard(self, newest: float, now: float, *, again: bool = False) -> bool:
        """What has come at `now` says that this happened last. Returns whether the clock was set again: at first, if it
        has jumped, or `again` if nothing was heard for a while. Then nothing from before can be compared.
        """
        ahead = self._ahead
        is_set = again or ahead is None or not -MAX_BEHIND <= newest - ahead - now <= MAX_AHEAD
        if is_set:
            self._ahead, self._latest = newest - now, now - MAX_BEHIND
        return is_set

    def ours(self, time: float) -> float:
        """A time of it by our clock. They never go back: a report is in another order than what it is about."""
        assert self._ahead is not None
        self._latest = max(self._latest, time - self._ahead)
        return self._latest
