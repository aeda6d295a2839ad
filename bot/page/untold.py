"""Calls that are over, of which the other side may not know yet: the owner has a link to send them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from peer.handset.protocol import Call, ShowLink

MOST = 8
"Calls that are kept; the oldest goes first."


class Untold:
    """For a page that is loaded again: each as long as its other side may wait, which is until the link expires."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._clock = clock
        self._kept: OrderedDict[int, tuple[Call, Callable[[], ShowLink]]] = OrderedDict()

    def keep(self, call: Call, link: Callable[[], ShowLink]) -> None:
        """That call has ended; `link` makes the one which says so."""
        self._kept[call.id] = call, link
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def seen(self, number: int) -> None:
        """The owner has put away the page of that call, and needs its link no more."""
        self._kept.pop(number, None)

    def now(self) -> list[tuple[Call, Callable[[], ShowLink]]]:
        """Those that can still be told, in the order of their ends."""
        now = self._clock()
        return [(call, link) for call, link in self._kept.values() if call.expires > now]
