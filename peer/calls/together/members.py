"""Who is in which conversation: what the others say, what we say, and what the owner hears of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.lines import Lines
from peer.calls.news import CallListeners
from peer.calls.repeats import Repeated
from peer.calls.together.say import Later, say
from peer.calls.together_news import CircleChanged, Left, PartOf
from shared.call.table import CONNECTED, State
from shared.errors import StoreError
from shared.messages import MAX_PEOPLE, Members
from shared.node_id import NodeId
from shared.together.circle import Circle, circle

logger = logging.getLogger(__name__)

SILENT_SECONDS = 10.0
"""A person who hasn't said anything about the conversation by then isn't in it. They, or the person who merged it, may
have been killed just when it began."""

SETTLE_SECONDS = 3.0
"The pause before the owner hears who doesn't hear whom: if somebody leaves, the others notice at different moments."


class Membership:
    """The members of all conversations of one node."""

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
        """`meets` says whether somebody is about to join a conversation.

        `looked` is awaited when it may have changed who hears whom in a conversation.
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
        "For each call, the last message of its other side about members."

        self._awaited: dict[int, asyncio.TimerHandle] = {}
        "The timers of calls whose other side hasn't said anything on this leg."

        self._silent: set[int] = set()
        "The calls whose other side has said nothing in time."

        self._sent: dict[int, Members] = {}
        "For each call, our last message about members on this leg."

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
            # If the program is killed, this becomes an ordinary call. The conversation is worth more than that.
            logger.warning("line %d: %s", line.number, error.sentence)
        self._listeners.told(line, PartOf())

    def enter(self, line: Line) -> list[Line]:
        """Add the call with an introduced person, which is connected now. Returns the calls with the others."""
        self._in.add(line.number)
        self.say(line.together)
        return [each for each in self._lines.of_conversation(line) if each is not line]

    async def left(self, line: Line) -> None:
        """Note that a call is over."""
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
        """Turn a conversation of two people into an ordinary call, unless somebody else is about to join."""
        self.say(conversation)
        lines = [line for line in self._lines if line.together == conversation]
        if len(lines) <= 1 and not self._meets(conversation):
            self._circles.pop(conversation, None)
            for line in lines:
                self._in.discard(line.number)
                await self.join(line, b"", there=False)
        await self._look(conversation)

    def greeted(self, line: Line) -> None:
        """Note that a leg has begun."""
        self._sent.pop(line.number, None)
        if line.together and line.number not in self._silent:
            self._await(line, line.together)
        self.say(line.together)

    def _await(self, line: Line, conversation: bytes) -> None:
        """Count the other side as silent if it says nothing about that conversation for a while, on a connected leg."""

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
        """Tell each person with whom else we are connected, if that has changed."""
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
        """Take what the other side of a call says about its connections."""
        # The person who merges says it before we know that this call is part of the conversation.
        self._heard[line.number] = members
        if line.together == members.conversation:
            self._awaits_no_more(line)
            await self._look(members.conversation)

    def hear_each_other(self, one: Line, other: Line) -> bool:
        """Whether both sides say that they hear each other."""
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
        """Tell the owner who doesn't hear whom, if that has changed."""
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
        repeats, broken = lines[0].repeats, bool(apart or unseen)
        telling = repeats.begins(Repeated.CIRCLE, time.monotonic()) if broken else repeats.ends(Repeated.CIRCLE)
        self._listeners.told(
            lines[0], CircleChanged(tuple((one, other) for one, other in apart), tuple(unseen), telling)
        )
