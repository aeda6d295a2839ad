"""An invitation into a conversation, and the calls with its other people."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from peer.calls.admission import Admission
from peer.calls.call_link import CallLink
from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.incoming import ComingCall, IncomingCalls
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.lines import may_be_ended
from peer.calls.link_reader import LinkReader, SaidLink
from peer.calls.link_writer import unwritten
from shared.call.effects import Effect
from shared.call.events import Answer, Hold, Resume
from shared.call.table import State, outgoing
from shared.contacts import Contact, Trust
from shared.errors import CallRefused
from shared.links.kinds import MAX_CLOCK_AHEAD, BadLink, Response
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.together.invitation import InvitationState

MEETING_SECONDS = 60.0
"How long introduced people may take to connect."


@dataclass(eq=False)
class Invitation:
    """The present state of an invitation."""

    line: Line
    "The call with the person who asks."

    conversation: bytes
    "16 bytes."

    names: tuple[str, ...]
    "The names that this person uses for the others."

    state: InvitationState = InvitationState.ASKED

    proven: bool = False
    "Whether the call had proven who asks when the owner agreed."

    timer: asyncio.TimerHandle | None = None
    "Ends the wait."

    nodes: list[NodeId] = field(default_factory=list)
    "The others' nodes, in the order of their names, as far as they are known."

    expected: set[NodeId] = field(default_factory=set)
    "The others who should call us and haven't yet."

    lines: dict[NodeId, Line] = field(default_factory=dict)
    "The calls with the others."

    missed: set[NodeId] = field(default_factory=set)
    "The others of whom the owner has heard that they can't be called or answered."

    @property
    def open(self) -> bool:
        """Whether the owner, or one of the others, may still refuse."""
        return self.state in (InvitationState.ASKED, InvitationState.AGREED)

    def called(self, node: NodeId) -> str:
        """The name that the person who asks uses for one of the others."""
        return self.names[self.nodes.index(node)]

    def stop_timer(self) -> None:
        """Stop waiting."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class IntroducedCalls:
    """Makes the calls with introduced people. They are ordinary calls whose links go through the introducer."""

    def __init__(
        self,
        own: NodeId,
        calls: IncomingCalls,
        reader: LinkReader,
        admission: Admission,
        choice: EndpointChoice,
    ) -> None:
        self._own = own
        self._calls = calls
        self._reader = reader
        self._admission = admission
        self._choice = choice

    async def place(self, invitation: Invitation, node: NodeId) -> None:
        """Call one of the others. Raises CopybaraError."""
        now = int(self._calls.clock())
        link = unwritten(self._calls.store, node, invitation.line.media, now)
        contact, media = self._known(invitation, node, proven=link.proven)
        call, effects = outgoing(paired=link.proven)
        line = Line(
            self._calls.lines.next_number(),
            replace(call, on_hold=self._on_hold(invitation)),
            replace(link, media=media),
            chat=invitation.line.chat,
            expires=now + int(MEETING_SECONDS),
            shown=self._shown(invitation, contact),
            sealing_key=contact.sealing_key if contact is not None else None,
        )
        self._choice.of(line)
        invitation.lines[node] = line
        await self._start(line, effects)

    async def read(self, invitation: Invitation, node: NodeId, token: str) -> None:
        """Read a link of one of the others. It begins the call with them, or belongs to it.

        Raises CopybaraError for a link that isn't theirs or can't be used.
        """
        try:
            opened = self._reader.open_introduced(token, node, invitation.conversation)
        except BadLink as error:
            raise CallRefused("The link that came isn't theirs.", "") from error
        line = invitation.lines.get(node)
        match opened:
            case CallLink() if opened.peer == node and node in invitation.expected:
                invitation.expected.discard(node)
                await self._answer(invitation, opened)
            case Response() if line is not None and line.link.request and opened.answers(line.link.request):
                await self._admission.read(token)
            case SaidLink() if line is not None and opened.said.reference == line.link.reference:
                await self._admission.read(token)
            case _:
                raise CallRefused("The link that came isn't theirs.", "")

    async def _answer(self, invitation: Invitation, link: CallLink) -> None:
        contact, media = self._known(invitation, link.peer, proven=link.proven)
        media &= link.media
        now = int(self._calls.clock())
        if not media:
            raise CallRefused("You have neither sound nor picture in common.", "")
        if not -MAX_CLOCK_AHEAD <= now - link.created < self._calls.settings.lifetime:
            raise CallRefused("Your clocks differ too much.", "Check the clocks of both computers.")
        if self._admission.may_be_used_already(link):
            raise CallRefused("The link that came is from before you restored your backup.", "Ask them to call again.")
        coming = ComingCall(
            link,
            invitation.line.chat,
            media,
            expires=now + int(MEETING_SECONDS),
            shown=self._shown(invitation, contact),
            on_hold=self._on_hold(invitation),
        )
        line = self._calls.line(coming)
        self._choice.of(line)
        async with self._calls.turn:
            if not await self._calls.use(coming, now + self._calls.settings.lifetime + MAX_CLOCK_AHEAD):
                raise CallRefused("The link that came was used before.", "")
            if invitation.line.call.ended:
                raise CallRefused(f"Your call with {invitation.line.name} is over.", "")
            invitation.lines[link.peer] = line
            await self._start(line, line.begin(Answer(), Reason.ASK))

    async def _start(self, line: Line, effects: tuple[Effect, ...]) -> None:
        """Begin one of these calls. The owner may just have put the conversation on hold, or resumed it."""
        await self._calls.starter.start(line, effects)
        ours = self._calls.lines.of_conversation(line)
        others = [each for each in ours if each is not line and not each.call.ended]
        held = any(each.on_hold for each in others)
        if held is not line.on_hold and others:
            line.put(Hold() if held else Resume())

    def _on_hold(self, invitation: Invitation) -> bool:
        """Whether the owner has put the conversation on hold after agreeing to it. Then a page must open nothing."""
        return any(each.on_hold for each in self._calls.lines if each.together == invitation.conversation)

    def _known(self, invitation: Invitation, node: NodeId, *, proven: bool) -> tuple[Contact | None, Media]:
        """The contact with that node, and the media of a call with it. Raises CopybaraError if there should be no call.

        The owner has agreed to a person whom somebody else has named. `proven`: the call proves who it is. Usually a
        contact's call without the shared key rings with a warning, but here nobody would read it first.
        """
        contact = self._calls.store.contact_of(node)
        if node == self._own or any(_stands(line, node, proven) for line in self._calls.lines):
            raise CallRefused("There is a call with them already.", "")
        if contact is not None and contact.trust is Trust.BLOCK:
            raise CallRefused(f"You have blocked them: they are {contact.name}.", "")
        if contact is not None and not proven and self._calls.store.keyed(node):
            raise CallRefused(
                f"They came at {contact.name}'s node without the key that you share with {contact.name}.",
                f"Call {contact.name} yourself.",
            )
        media = invitation.line.media & (contact.media if contact is not None else Media.BOTH)
        if not media:
            raise CallRefused("You have set that they get neither sound nor picture.", "")
        return contact, media

    def _shown(self, invitation: Invitation, contact: Contact | None) -> Presented:
        asks = invitation.line.shown
        return Presented(
            endpoint=asks.endpoint,
            together=invitation.conversation,
            introduced=True,
            begins_off=asks.begins_off,
            together_since=self._calls.clock(),
        ).of(contact)


def _stands(line: Line, node: NodeId, proven: bool) -> bool:
    """Whether it is a call with that node that goes on, even if we talk to the same person in another one."""
    # If the path is lost, they may have been killed, and return with this call.
    lost = line.call.state is State.RECONNECTING and may_be_ended(line, node, proven)
    return line.peer == node and line.occupies and not lost
