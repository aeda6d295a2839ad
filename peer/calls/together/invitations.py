"""The side of those who are asked: the owner's answers, and the people they meet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable

from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import CallListeners
from peer.calls.repeats import GoesOn, Repeated, Telling
from peer.calls.together.introduced_calls import MEETING_SECONDS, IntroducedCalls, Invitation
from peer.calls.together.members import Membership
from peer.calls.together.merging import ASK_SECONDS, Merging
from peer.calls.together.say import Later, say
from peer.calls.together_news import AskedToJoin, AskOver, CantMeet, Joined, QuestionOver
from shared.call.table import State
from shared.contacts import check_name
from shared.errors import CallRefused, CopybaraError, InputError, NotAsked, StoreError
from shared.messages import MAX_PEOPLE, JoinAnswer, JoinAsk, JoinLink, JoinNode, JoinOver
from shared.node_id import NodeId
from shared.printable import visible
from shared.together.invitation import Effect, Event, InvitationState, step


class JoinInvitations:
    """The open invitations, at most one per call."""

    def __init__(
        self,
        lines: Lines,
        calls: IntroducedCalls,
        membership: Membership,
        merging: Merging,
        listeners: CallListeners,
        later: Later,
    ) -> None:
        self._lines = lines
        self._calls = calls
        self._membership = membership
        self._merging = merging
        self._listeners = listeners
        self._later = later
        self._invitations: dict[int, Invitation] = {}
        "The invitations, by the number of the call with the person who asks."

        self._lapsed: deque[tuple[Line, float]] = deque(maxlen=MAX_PEOPLE)
        "The questions that others have ended, and when."

    def asked(self) -> list[Line]:
        """The calls whose other side waits for the owner's answer."""
        return [each.line for each in self._invitations.values() if each.state is InvitationState.ASKED]

    def asked_just_now(self, seconds: float) -> list[Line]:
        """The calls whose other side stopped asking in the last `seconds`."""
        return [line for line, when in self._lapsed if when > time.monotonic() - seconds]

    def meets(self, conversation: bytes) -> bool:
        """Whether the owner, or somebody else, is about to join that conversation."""
        return any(
            each.conversation == conversation and each.state is InvitationState.MEETING
            for each in self._invitations.values()
        )

    async def answer(self, line: Line, *, agrees: bool) -> None:
        """Answer the question of a call's other side, for the owner. Raises NotAsked, CallRefused."""
        invitation = self._invitations.get(line.number)
        if invitation is None or invitation.state is not InvitationState.ASKED:
            raise NotAsked
        if agrees and line.on_hold:
            raise CallRefused(f"The call with {line.name} is on hold.", f"First take it off: /resume {line.name}")
        if agrees and line.together not in (b"", invitation.conversation):
            raise CallRefused(f"The call with {line.name} is part of another conversation by now.", "")
        if agrees and self._belongs_to_others(line, invitation.conversation):
            raise CallRefused("Other calls of yours are in that conversation, and this one isn't.", "")
        if agrees and not self._has_room(line, invitation.conversation, len(invitation.names)):
            raise CallRefused(f"At most {MAX_PEOPLE} people can be in one conversation.", "Hang up on somebody first.")
        invitation.proven = line.proven
        line.repeats.answered(Repeated.QUESTION)
        await self._step(invitation, Event.AGREE if agrees else Event.REFUSE)

    async def comes(self, line: Line, message: JoinAsk) -> None:
        """Take the question of a call's other side. If it isn't possible, refuse without asking the owner."""
        if line.call.ended:
            return  # the other side learns that next
        names = tuple(_readable(name) for name in message.names)
        before = self._invitations.get(line.number)
        again = before is not None and before.open and before.names == names
        if not self._fits(line, message) or (before is not None and before.open and not again):
            say(line, JoinAnswer(message.conversation, agrees=False))
            return
        if before is not None and again and await self._asked_again(before, message.conversation):
            return
        if not self._may_ask(line):
            say(line, JoinAnswer(message.conversation, agrees=False))
            return
        if before is not None:
            before.stop_timer()
        invitation = Invitation(line, message.conversation, names)
        self._invitations[line.number] = invitation
        self._wait(invitation, ASK_SECONDS)
        self._listeners.told(line, AskedToJoin(names))

    def _may_ask(self, line: Line) -> bool:
        """Whether the owner is asked once more in this call. A program could ask and take it back for hours."""
        telling = line.repeats.begins(Repeated.QUESTION, time.monotonic())
        if telling is Telling.LAST:
            self._listeners.told(line, GoesOn(Repeated.QUESTION))
        return telling is Telling.EACH

    async def _asked_again(self, before: Invitation, conversation: bytes) -> bool:
        """Take an open question again, because one side has dialled again, or the person who asks was killed.

        Returns False if the owner must be asked again: what they agreed to was forgotten, or the person with whom they
        agreed is no longer proven.
        """
        doubted = before.proven and not before.line.proven
        if before.state is InvitationState.AGREED and (before.conversation != conversation or doubted):
            await self._step(before, Event.CALLED_OFF)
            return False
        before.conversation = conversation
        if before.state is InvitationState.AGREED:
            say(before.line, JoinAnswer(conversation, agrees=True))
        else:
            before.stop_timer()
            self._wait(before, ASK_SECONDS)
        return True

    def _fits(self, line: Line, message: JoinAsk) -> bool:
        """Whether the owner can be asked."""
        room = self._has_room(line, message.conversation, len(message.names))
        mergeable = line.engaged and not (line.shown.machine or line.shown.echo) and room
        fits = line.together in (b"", message.conversation) and not self._belongs_to_others(line, message.conversation)
        return mergeable and fits and not self._merging.asks(line)

    def _has_room(self, line: Line, conversation: bytes, others: int) -> bool:
        """Whether `others` more people fit in, beside those in the conversation and those whom the owner will meet."""
        awaited = sum(
            len(each.names) - len(each.lines)
            for each in self._invitations.values()
            if each.conversation == conversation
            and each.state in (InvitationState.AGREED, InvitationState.MEETING)
            and each.line is not line
        )
        return len(self._lines.of_conversation(line)) + awaited + others < MAX_PEOPLE

    def _belongs_to_others(self, line: Line, conversation: bytes) -> bool:
        """Whether other calls are in that conversation or asked into it, and this one isn't in it.

        Many people know its 16-byte name. The owner's yes to one of them must not let in people whom nobody has named.
        """
        if line.together == conversation:
            return False
        asked = any(
            each.line is not line and each.conversation == conversation and each.state is not InvitationState.OVER
            for each in self._invitations.values()
        )
        return asked or any(each is not line and each.together == conversation for each in self._lines)

    async def about(self, line: Line, message: JoinNode | JoinLink | JoinOver) -> None:
        """Handle what the other side of a call says about its question."""
        invitation = self._invitations.get(line.number)
        if invitation is None or invitation.conversation != message.conversation:
            return
        if isinstance(message, JoinOver):
            await self._step(invitation, Event.CALLED_OFF)
            return
        node = NodeId(message.node)
        if isinstance(message, JoinLink):
            if node in invitation.nodes:
                await self._step(invitation, Event.LINK, node, token=message.link)
        elif node not in invitation.nodes and len(invitation.nodes) < len(invitation.names):
            await self._step(invitation, Event.NODE, node, calls=message.calls)

    async def connected(self, line: Line) -> None:
        """Note that the call with an introduced person is connected."""
        others = self._membership.enter(line)
        for invitation in self._invitations.values():
            if invitation.lines.get(line.peer) is line:
                called = invitation.called(line.peer)
                self._listeners.told(line, Joined(called, tuple(each.name for each in others)))
        await self._complete()

    async def over(self, line: Line) -> None:
        """Note that a call is over: with the person who asks, or with one of the others."""
        if (invitation := self._invitations.pop(line.number, None)) is not None:
            await self._step(invitation, Event.GONE)
        await self._complete()

    def wrote(self, line: Line, token: str) -> None:
        """Send our link to a person who was introduced to us."""
        for invitation in self._invitations.values():
            if invitation.lines.get(line.peer) is line:
                say(invitation.line, JoinLink(invitation.conversation, line.peer.key, token))

    async def _complete(self) -> None:
        """End each invitation whose other people are all connected, or can't be."""
        for invitation in [*self._invitations.values()]:
            if len(invitation.nodes) < len(invitation.names) or invitation.expected:
                continue
            if all(self._membership.has(line) or line.call.ended for line in invitation.lines.values()):
                await self._step(invitation, Event.ALL_MET)

    def _wait(self, invitation: Invitation, seconds: float) -> None:
        async def times_out() -> None:
            if invitation.timer is timer:
                await self._step(invitation, Event.TIMED_OUT)
                await self._membership.shrink(invitation.conversation)

        invitation.timer = timer = self._later(seconds, times_out)

    async def _step(
        self, invitation: Invitation, event: Event, node: NodeId | None = None, *, calls: bool = False, token: str = ""
    ) -> None:
        before = invitation.state
        invitation.state, effects = step(before, event)
        if invitation.state is not before:
            invitation.stop_timer()
            if before is InvitationState.ASKED:
                self._listeners.told(invitation.line, QuestionOver())
                if event not in (Event.AGREE, Event.REFUSE):
                    self._lapsed.append((invitation.line, time.monotonic()))
            if invitation.state in (InvitationState.AGREED, InvitationState.MEETING):
                self._wait(invitation, MEETING_SECONDS)
        for effect in effects:
            match effect:
                case Effect.SAY_YES:
                    say(invitation.line, JoinAnswer(invitation.conversation, agrees=True))
                case Effect.SAY_NO:
                    say(invitation.line, JoinAnswer(invitation.conversation, agrees=False))
                case Effect.TELL_OVER:
                    self._listeners.told(invitation.line, AskOver())
                case Effect.TELL_MISSED:
                    self._tell_missed(invitation, event)
                case Effect.MEET if node is not None:
                    await self._meet(invitation, node, calls=calls)
                case Effect.READ if node is not None:
                    await self._try(invitation, node, self._calls.read(invitation, node, token))

    def _tell_missed(self, invitation: Invitation, event: Event) -> None:
        """Tell the owner about the people of a call that didn't come about."""
        why = f"Your call with {invitation.line.name} is over." if event is Event.GONE else "They haven't come in time."
        for number, name in enumerate(invitation.names):
            if number >= len(invitation.nodes) or invitation.nodes[number] in invitation.expected:
                self._listeners.told(invitation.line, CantMeet(name, why))

    async def _meet(self, invitation: Invitation, node: NodeId, *, calls: bool) -> None:
        moved = invitation.line.together not in (b"", invitation.conversation)
        if moved or self._belongs_to_others(invitation.line, invitation.conversation):
            return
        if invitation.proven and not invitation.line.proven:
            return  # the owner has learned since that it isn't the person with whom they agreed
        invitation.nodes.append(node)
        await self._membership.join(invitation.line, invitation.conversation)
        if invitation.line.call.ended:
            invitation.expected.add(node)  # the owner hears that they haven't met
            return
        if (there := self._connected(invitation.conversation, node)) is not None:
            invitation.lines[node] = there
            await self._complete()
        elif calls:
            await self._try(invitation, node, self._calls.place(invitation, node))
        else:
            invitation.expected.add(node)
        self._membership.say(invitation.conversation)

    def _connected(self, conversation: bytes, node: NodeId) -> Line | None:
        """The call with a person who is in that conversation already."""
        calls = [line for line in self._lines if (line.peer, line.together) == (node, conversation)]
        return next((line for line in calls if line.call.state is State.ACTIVE), None)

    async def _try(self, invitation: Invitation, node: NodeId, meeting: Awaitable[None]) -> None:
        try:
            await meeting
        except StoreError:
            raise
        except CopybaraError as error:
            if node not in invitation.missed:  # more of its links may come
                invitation.missed.add(node)
                why = f"{error.sentence} {error.hint}".strip()
                self._listeners.told(invitation.line, CantMeet(invitation.called(node), why))
            await self._complete()


def _readable(name: str) -> str:
    """A name from the other side, if a contact could have it and it can't break out of its quotation marks."""
    if any(character in name for character in '“”"()'):
        return ""
    try:
        return check_name(visible(name))
    except InputError:
        return ""
