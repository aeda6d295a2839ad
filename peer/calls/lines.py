"""The lines of one node: which there are, and which of them take the owner's time."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from peer.calls.line import Line
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.secrets.handshake import Role

NUMBERS = 1 << 30
"Below this a run begins to count, anywhere: what a page still keeps of an earlier run's call means no other."


class Lines(list[Line]):
    """Those that aren't over, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: Line | None = None
        "The line that was connected last, over or not."

        self._numbers = secrets.randbelow(NUMBERS)

    def next_number(self) -> int:
        """A number that no line of this run has had, nor one of another run, as far as chance goes."""
        self._numbers += 1
        return self._numbers

    def show_media(self, line: Line, state: MediaState) -> None:
        """Tell the other side of a call what we send in it now."""
        if line.session is not None:
            line.session.show_media(state)

    def turned_on(self, line: Line) -> None:
        """The owner has switched on microphone or camera at the page."""
        line.turned_on()

    def of_conversation(self, line: Line) -> list[Line]:
        """The line, and those that are one conversation with it."""
        return [each for each in self if each is line or (line.together and each.together == line.together)]

    def engaged(self, *, beside: NodeId, proven: bool) -> list[Line]:
        """The lines that are connected and take the owner's time, except those that such a call may end.

        `beside` is the node that calls again. If nothing proves that (`proven`), it doesn't end a call that a key has
        proved.
        """
        return [line for line in self if line.engaged and not may_be_ended(line, beside, proven)]

    def occupying(self, *, beside: NodeId, proven: bool) -> list[Line]:
        """Those, and the lines that will take the owner's time once they connect."""
        return [line for line in self if line.occupies and not may_be_ended(line, beside, proven)]


def one_each(lines: Iterable[Line]) -> list[Line]:
    """Those that count as calls of the owner's: several that are one conversation are one, their oldest."""
    found: list[Line] = []
    for line in lines:
        if not line.together or all(each.together != line.together for each in found):
            found.append(line)
    return found


def may_be_ended(line: Line, peer: NodeId, proven: bool) -> bool:
    """Whether a call with `peer` that connects takes the place of that line."""
    return line.peer == peer and gives_way(line, proven)


def gives_way(line: Line, proven: bool) -> bool:
    """Whether a call by the line's node may stand for the line itself.

    One that proves nothing may not where a key could have proven it (`keyed`), nor where ours can be answered only by
    the holder of a key: it is paired, or sealed to the key on a card.
    """
    sealed_by_us = line.link.sealed and line.call.role is Role.CALLER
    return proven or not (line.proven or line.link.keyed or sealed_by_us)
