"""How much of others' is read: a limit per sender, so that no bot and no stranger keeps us busy."""

from __future__ import annotations

from collections import OrderedDict, deque

from bot.messengers.telegram.limits import LINKS_PER_MINUTE, SENDERS_REMEMBERED

WINDOW_SECONDS = 60.0


class Guard:
    """Counts the messages of each sender. Two bots that answer each other stop at the limit, whatever they answer."""

    def __init__(self) -> None:
        self._senders: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, sender: str, now: float) -> bool:
        """Whether one more message of that sender is read at `now`, in seconds; if so it is counted."""
        times = self._senders.setdefault(sender, deque())
        self._senders.move_to_end(sender)
        while len(self._senders) > SENDERS_REMEMBERED:
            self._senders.popitem(last=False)
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= LINKS_PER_MINUTE:
            return False
        times.append(now)
        return True
