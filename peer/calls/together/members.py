"""Who is in which conversation: what the others say of it, what we say, and what the owner hears of that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.lines import Lines
from peer.calls.news import CallListeners
from peer.calls.together.say import Later, say
from peer.calls.together_news import CircleChanged, Left, PartOf
from shared.call.table import CONNECTED, State
from shared.errors import StoreError
from shared.messages import MAX_PEOPLE, Members
from shared.node_id import NodeId
from shared.together.circle import Circle, circle

logger = logging.getLogger(__name__)

SILENT_SECONDS = 10.0
"""Who has said nothing of the conversation by then isn't in it: they, or the one who has merged it, may have been
killed in the moment in which it began."""

SETTLE_SECONDS = 3.0
"Before the owner hears who doesn't hear whom: when somebody leaves, the others don't notice in the same moment."


class Membership:
    """Of all conversations of one node."""

    def __init__(
        self,
        own: NodeId,
        lines: Lines,
        keeping: LineKeeping,
        listeners: CallListeners,
        later: Later,
        *,
        meets: Callable[[bytes], bool],
        looked: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """`meets` tells whether somebody is still on their way into a conversation; `looked` is awaited when who hears
        whom in one may have changed.
        """
        self._own = own
        self._lines = lines
        self._keeping = keeping
        self._listeners = listeners
        self._later = later
        self._meets = meets
        self._looked = looked
        self._in: set[int] = set()
        self._heard: dict[int, Members] = {}
        "By call, what its other side has said last."

        self._awaited: dict[int, asyncio.TimerHandle] = {}
        "By call, until its other side says something on this leg."

        self._silent: set[int] = set()
        "The calls whose other side hasn't."

        self._sent: dict[int, Members] = {}
        "By call, what we have said last on this leg."

        self._circles: dict[bytes, Circle[NodeId]] = {}
        "What the owner knows of each conversation."

        self._settling: dict[bytes, asyncio.TimerHandle] = {}

    def has(self, line: Line) -> bool:
        """Whether the other side of that call is in a conversation with us."""
        return line.number in self._in

    async def join(self, line: Line, conversation: bytes, *, there: bool = True) -> None:
        """Make a call part of a conversation. `there`: its other side is in it."""
        if there:
            self._in.add(line.number)
        if conversation != line.together:
            self._awaits_no_more(line)
            if conversation and not self._has_said(line, conversation):
                self._await(line, conversation)
        try:
            await self._keeping.join(line, conversation)
        except StoreError as error:
            # A program that is killed takes it up as a call of two. That isn't worth the conversation.
            logger.warning("line %d: %s", line.number, error.sentence)
        self._listeners.told(line, PartOf())

    def enter(self, line: Line) -> list[Line]:
        """The call with somebody who was introduced is up. Returns the calls with the others."""
        self._in.add(line.number)
        self.say(line.together)
        return [each for each in self._lines.of_conversation(line) if each is not line]

    async def left(self, line: Line) -> None:
        """A call is over."""
        self._heard.pop(line.number, None)
        self._sent.pop(line.number, None)
        self._awaits_no_more(line)
        if not line.together:
            return
        stay = self._connected(line.together)
        if self.has(line) and stay:
            self._listeners.told(stay[0], Left(line.label, tuple(each.label for each in stay)))
        self._in.discard(line.number)
        await self.shrink(line.together)

    async def shrink(self, conversation: bytes) -> None:
        """Two people alone are in a call like any other, unless somebody is on their way."""
        self.say(conversation)
        lines = [line for line in self._lines if line.together == conversation]
        if len(lines) <= 1 and not self._meets(conversation):
            self._circles.pop(conversation, None)
            for line in lines:
                self._in.discard(line.number)
                await self.join(line, b"", there=False)
        await self._look(conversation)

    def greeted(self, line: Line) -> None:
        """A leg has begun."""
        self._sent.pop(line.number, None)
        if line.together and line.number not in self._silent:
            self._await(line, line.together)
        self.say(line.together)

    def _await(self, line: Line, conversation: bytes) -> None:
        """Count the other side as silent if it says nothing of that conversation for a while, on a leg that is up."""

        async def waited() -> None:
            if self._awaited.get(line.number) is timer and line.call.state is State.ACTIVE:
                self._silent.add(line.number)
                self._heard.pop(line.number, None)
                await self._look(conversation)

        self._awaits_no_more(line)
        self._awaited[line.number] = timer = self._later(SILENT_SECONDS, waited)

    def _has_said(self, line: Line, conversation: bytes) -> bool:
        heard = self._heard.get(line.number)
        return heard is not None and heard.conversation == conversation

    def _awaits_no_more(self, line: Line) -> None:
        self._silent.discard(line.number)
        if (timer := self._awaited.pop(line.number, None)) is not None:
            timer.cancel()

    def say(self, conversation: bytes) -> None:
        """Tell each with whom else we are connected, if they don't know."""
        if not conversation:
            return
        lines = self._connected(conversation)
        for line in lines:
            nodes = tuple(each.peer.key for each in lines if each is not line)[: MAX_PEOPLE - 2]
            members = Members(conversation, nodes)
            if line.connection.converses and self._sent.get(line.number) != members:
                self._sent[line.number] = members
                say(line, members)

    async def heard(self, line: Line, members: Members) -> None:
        """The other side of a call says with whom it is connected."""
        # The one who merges says it before we know that this call is part of it.
        self._heard[line.number] = members
        if line.together == members.conversation:
            self._awaits_no_more(line)
            await self._look(members.conversation)

    def hear_each_other(self, one: Line, other: Line) -> bool:
        """Whether both say so."""
        return self._names(one, other) and self._names(other, one)

    def _names(self, line: Line, other: Line) -> bool:
        heard = self._heard.get(line.number)
        return heard is not None and heard.conversation == line.together and other.peer.key in heard.nodes

    def _connected(self, conversation: bytes) -> list[Line]:
        return [line for line in self._lines if line.together == conversation and line.call.state in CONNECTED]

    async def _look(self, conversation: bytes) -> None:
        await self._looked(conversation)
        if conversation not in self._settling:

            async def settled() -> None:
                self._settling.pop(conversation, None)
                self._tell(conversation)

            self._settling[conversation] = self._later(SETTLE_SECONDS, settled)

    def _tell(self, conversation: bytes) -> None:
        """Tell the owner who doesn't hear whom, if that isn't known."""
        lines = self._connected(conversation)
        if not lines or self._meets(conversation):
            return
        heard = {
            line.peer: [NodeId(key) for key in said.nodes]
            for line in lines
            if (said := self._heard.get(line.number)) is not None and said.conversation == conversation
        }
        silent = {line.peer for line in lines if line.number in self._silent}
        now = circle(self._own, [line.peer for line in lines], heard, silent)
        if now == self._circles.get(conversation, Circle()):
            return
        self._circles[conversation] = now
        names = {line.peer: line.label for line in lines}
        apart = sorted(sorted(names[each] for each in pair) for pair in now.apart)
        unseen = sorted(node.short for node in now.unseen)
        self._listeners.told(lines[0], CircleChanged(tuple((one, other) for one, other in apart), tuple(unseen)))
