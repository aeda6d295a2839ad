"""The lines of one node: which there are, and which of them take the owner's time."""

from __future__ import annotations

from peer.calls.line import Line
from shared.node_id import NodeId


class Lines(list[Line]):
    """Those that aren't over, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: Line | None = None
        "The line that was connected last, over or not."

        self._numbers = 0

    def next_number(self) -> int:
        """A number that no line of this run has."""
        self._numbers += 1
        return self._numbers

    def engaged(self, *, beside: NodeId | None = None) -> list[Line]:
        """The lines that take the owner's time, but for those with a node that calls anew."""
        return [line for line in self if line.engaged and line.peer != beside]
