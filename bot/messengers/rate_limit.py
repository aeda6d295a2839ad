"""Limits how much of each sender is read, so that no bot and no stranger keeps the program busy."""

from __future__ import annotations

from collections import OrderedDict, deque

LINKS_PER_MINUTE = 20
"How many messages with links are read of each sender who isn't the owner."

SENDERS_REMEMBERED = 1000
"How many senders are remembered. The one that was silent longest is forgotten first."


class RateLimit:
    """Counts what each sender does. It also stops two bots that answer each other without end."""

    def __init__(self, times: int, *, seconds: float) -> None:
        """Each sender may do `times` things in any `seconds`."""
        self._times = times
        self._seconds = seconds
        self._senders: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, sender: str, now: float) -> bool:
        """Whether the sender may do one more thing at `now`, in seconds. If so, it is counted.

        `sender` is the real sender according to the messenger, never what a message says about itself.
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
