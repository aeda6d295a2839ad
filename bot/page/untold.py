"""Keeps calls that are over while the owner still has a link for the other side, which may not know of the end yet."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from peer.handset.protocol import Call, ShowLink

MOST = 8
"How many calls are kept; the oldest is dropped first."


class Untold:
    """The calls, for a page that is loaded again.

    Each is kept until its link expires: the other side may wait that long.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the time in Unix seconds."""
        self._clock = clock
        self._kept: OrderedDict[int, tuple[Call, Callable[[], ShowLink]]] = OrderedDict()

    def keep(self, call: Call, link: Callable[[], ShowLink]) -> None:
        """A call has ended; `link` makes the link that says so."""
        self._kept[call.id] = call, link
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def seen(self, number: int) -> None:
        """The owner has closed the view of that call, and doesn't need its link any more."""
        self._kept.pop(number, None)

    def now(self) -> list[tuple[Call, Callable[[], ShowLink]]]:
        """The calls whose other side may still wait, in the order of their ends."""
        now = self._clock()
        return [(call, link) for call, link in self._kept.values() if call.expires > now]
