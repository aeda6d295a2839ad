"""How much of other people's is read: a limit for each sender, so that no bot and no stranger keeps us busy."""

from __future__ import annotations

from collections import OrderedDict, deque

LINKS_PER_MINUTE = 20
"Messages with links that are read of one sender, who isn't the owner."

SENDERS_REMEMBERED = 1000
"Senders who are told apart; the one that was silent longest is forgotten first."


class RateLimit:
    """Counts what each sender does. Two bots that answer each other stop at the limit, whatever they answer."""

    def __init__(self, times: int, *, seconds: float) -> None:
        """`times` in any `seconds` are allowed."""
        self._times = times
        self._seconds = seconds
        self._senders: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, sender: str, now: float) -> bool:
        """Whether the sender may do it once more at `now`, in seconds; if so it is counted.

        `sender` is the true sender as the messenger names them, never what a message says of itself.
        """
        times = self._senders.setdefault(sender, deque())
        self._senders.move_to_end(sender)
        while len(self._senders) > SENDERS_REMEMBERED:
            self._senders.popitem(last=False)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._times:
            return False
        times.append(now)
        return True
