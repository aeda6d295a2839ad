"""Conversations of several people: merged calls, and calls with the people to whom the owner was introduced.

Each node keeps one call with each other node, and sends its own sound and picture in all of them: a mesh of at most
MAX_PEOPLE. The person who merges asks everybody, and passes on the first links between people who are new to each
other. After that, nothing goes through a third person.
"""

from __future__ import annotations

import logging

from peer.calls.admission import Admission
from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.incoming import IncomingCalls
from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.link_reader import LinkReader
from peer.calls.news import CallListeners, Changed
from peer.calls.session_events import HelloHeard
from peer.calls.together.inbox import Heard, TogetherInbox
from peer.calls.together.introduced_calls import IntroducedCalls
from peer.calls.together.invitations import JoinInvitations
from peer.calls.together.members import Membership
from peer.calls.together.merging import Merging
from peer.calls.together_news import LinkForIntroduced
from shared.call.table import State
from shared.errors import CopybaraError
from shared.messages import JoinAnswer, JoinAsk, JoinLink, JoinNode, JoinOver, Members
from shared.node_id import NodeId
from shared.together.introduction import Back, Gone

logger = logging.getLogger(__name__)


class Together:
    """The conversations of one node. `run` handles one event after the other."""

    def __init__(
        self,
        own: NodeId,
        calls: IncomingCalls,
        reader: LinkReader,
        admission: Admission,
        keeping: LineKeeping,
        choice: EndpointChoice,
        listeners: CallListeners,
        inbox: TogetherInbox,
    ) -> None:
        """`listeners` hear the news; `inbox` is one of them."""
        self._lines = calls.lines
        self._inbox = inbox
        self._membership = Membership(
            own,
            calls.lines,
            keeping,
            listeners,
            inbox.later,
            meets=lambda conversation: self._merging.meets(conversation) or self._invitations.meets(conversation),
            looked=lambda conversation: self._merging.looked(conversation),
        )
        self._merging = Merging(calls.lines, self._membership, listeners, inbox.later)
        introduced = IntroducedCalls(own, calls, reader, admission, choice)
        self._invitations = JoinInvitations(
            calls.lines, introduced, self._membership, self._merging, listeners, inbox.later
        )

    async def run(self) -> None:
        """Handle events until cancelled. An error ends only what it belongs to."""
        while True:
            work = await self._inbox.next()
            try:
                await (self._hear(*work) if isinstance(work, tuple) else work())
            except CopybaraError as error:
                logger.warning("a conversation of several people: %s", error.sentence)

    # For the owner.

    async def merge(self) -> None:
        """Ask everybody with whom the owner is in a call to join one conversation. Raises CantMerge."""
        await self._merging.begin()

    def asked(self) -> list[Line]:
        """The calls whose other side waits for the owner's answer."""
        return self._invitations.asked()

    def asked_just_now(self, seconds: float) -> list[Line]:
        """The calls whose other side stopped asking in the last `seconds`."""
        return self._invitations.asked_just_now(seconds)

    async def agree(self, line: Line) -> None:
        """Agree to what the other side of that call asks. Raises NotAsked, CallRefused."""
        await self._invitations.answer(line, agrees=True)

    async def refuse(self, line: Line) -> None:
        """Refuse what the other side of that call asks. Raises NotAsked."""
        await self._invitations.answer(line, agrees=False)

    async def take_back(self) -> None:
        """Withdraw the owner's own question. Raises NotAsked."""
        await self._merging.take_back()

    # Events.

    async def _hear(self, line: Line, message: Heard) -> None:
        await self._look_who_has_gone()
        match message:
            case Changed():
                await self._changed(line)
            case HelloHeard():
                self._membership.greeted(line)
                await self._merging.happened(Back(line.number))
            case LinkForIntroduced():
                self._invitations.wrote(line, message.token)
            case JoinAsk():
                await self._invitations.comes(line, message)
            case JoinAnswer():
                await self._merging.answered(line, message)
            case JoinLink():
                self._merging.pass_on(line, message)
                await self._invitations.about(line, message)
            case JoinNode() | JoinOver():
                await self._invitations.about(line, message)
            case Members():
                await self._membership.heard(line, message)

    async def _look_who_has_gone(self) -> None:
        """Note which calls are over, though closing them takes a while: what still comes in them counts for nothing.

        An owner who has hung up meets nobody any more, and no call of theirs goes off hold because of that one.
        """
        for line in tuple(self._lines):
            if line.call.ended:
                await self._invitations.over(line)
                await self._merging.happened(Gone(line.number))

    async def _changed(self, line: Line) -> None:
        if line.call.ended:
            await self._invitations.over(line)
            await self._merging.happened(Gone(line.number))
            await self._membership.left(line)
        elif line.together and line.call.state is State.ACTIVE and not self._membership.has(line):
            await self._invitations.connected(line)
            await self._membership.shrink(line.together)  # after a restart, only two people may be left
