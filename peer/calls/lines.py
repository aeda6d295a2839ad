"""The calls that a node has now, which of them take the owner's time, and what starts another one."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Protocol

from peer.calls.line import Line
from shared.call.effects import Effect
from shared.errors import CallOver
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.secrets.handshake import Role

NUMBERS = 1 << 30
"A run begins to count somewhere below this, so that what a page still knows of an earlier run is no call of this one."


class Lines(list[Line]):
    """The lines of one node that aren't over, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: Line | None = None
        "The line that connected last, even if it is over by now."

        self._numbers = secrets.randbelow(NUMBERS)

    def next_number(self) -> int:
        """A number that no other line of this run has, and most likely none of an earlier run."""
        self._numbers += 1
        return self._numbers

    def numbered(self, number: int) -> Line:
        """The line with that number. Raises CallOver if there is none any more."""
        for line in self:
            if line.number == number:
                return line
        raise CallOver

    def show_media(self, line: Line, state: MediaState) -> None:
        """Tell the other side of a call what we send in it now."""
        if line.session is not None:
            line.session.show_media(state)

    def turned_on(self, line: Line) -> None:
        """The owner has switched on microphone or camera at the page."""
        line.turned_on()

    def of_conversation(self, line: Line) -> list[Line]:
        """All lines of the conversation that this line is part of; else only this line."""
        return [each for each in self if each is line or (line.together and each.together == line.together)]

    def engaged(self, *, beside: NodeId, proven: bool) -> list[Line]:
        """The calls that the owner is in, except those that a call by the node `beside` would end.

        `proven`: a key proves that call. If none does, it ends no call that a key has proven.
        """
        return [line for line in self if line.engaged and not may_be_ended(line, beside, proven)]

    def occupying(self, *, beside: NodeId, proven: bool) -> list[Line]:
        """Like `engaged`, with the calls that will take the owner's time once they connect."""
        return [line for line in self if line.occupies and not may_be_ended(line, beside, proven)]


class LineStarter(Protocol):
    """Starts lines, as LineRunner does. What lets calls in, places them or takes them up needs no more of it."""

    async def start(self, line: Line, effects: tuple[Effect, ...]) -> None:
        """Add a line to the node's lines, carry out the first effects of its call, and carry it from then on."""


def one_each(lines: Iterable[Line]) -> list[Line]:
    """The lines, but of each conversation only the oldest: its calls count as one."""
    found: list[Line] = []
    for line in lines:
        if not line.together or all(each.together != line.together for each in found):
            found.append(line)
    return found


def may_be_ended(line: Line, peer: NodeId, proven: bool) -> bool:
    """Whether a call with `peer` ends this line when it connects. `proven` see `gives_way`."""
    return line.peer == peer and gives_way(line, proven)


def gives_way(line: Line, proven: bool) -> bool:
    """Whether another call by the line's node may replace the line. `proven`: a key proves that call.

    A call that proves nothing may not, if a key could have proven it (`keyed`), or if only the holder of a key could
    answer ours: it is paired, or sealed to the key on a card.
    """
    sealed_by_us = line.link.sealed and line.call.role is Role.CALLER
    return proven or not (line.proven or line.link.keyed or sealed_by_us)
