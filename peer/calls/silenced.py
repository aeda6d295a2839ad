"""Strangers whose calls the owner doesn't want to hear: for a while, because anybody can write a node id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from shared.node_id import NodeId

SILENCED_SECONDS = 24 * 3600.0
"How long."

MOST_SILENCED = 1_000
"Nodes; the one that was silenced first is forgotten for another one."


class SilencedStrangers:
    """The silenced strangers of one run of the program."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: OrderedDict[NodeId, float] = OrderedDict()

    def __contains__(self, node: NodeId) -> bool:
        since = self._since.get(node)
        return since is not None and since <= self._clock() < since + SILENCED_SECONDS

    def add(self, node: NodeId) -> None:
        """Silence it from now on."""
        self._since[node] = self._clock()
        self._since.move_to_end(node)
        while len(self._since) > MOST_SILENCED:
            self._since.popitem(last=False)

    def forget(self, node: NodeId) -> None:
        """It may ring again."""
        self._since.pop(node, None)
