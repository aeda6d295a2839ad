"""The side of the person who merges: asks everybody, and passes on the first links between new acquaintances."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

from peer.calls.limits import OWN_ASKING
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import CallListeners
from peer.calls.session import Session
from peer.calls.together.introduced_calls import MEETING_SECONDS
from peer.calls.together.members import Membership
from peer.calls.together.say import Later, say
from peer.calls.together_news import AskingOthers, Joined, NotMerged
from shared.call.events import Resume
from shared.call.table import State
from shared.errors import CantMerge, NotAsked
from shared.messages import (
    CONVERSATION_BYTES,
    MAX_JOIN_NAME,
    MAX_PEOPLE,
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    JoinOver,
)
from shared.printable import visible
from shared.rate import Bucket
from shared.together.introduction import (
    Ask,
    Begin,
    CallOff,
    Effect,
    Event,
    Fail,
    Gone,
    Introduce,
    Introduction,
    Met,
    SaidNo,
    SaidYes,
    Stage,
    TakenBack,
    TimedOut,
    begun,
    step,
)

ASK_SECONDS = 60.0
"How long people may take to answer."

HELLO_SECONDS = 2.0
"How long to wait for the other side's hello in a call that has just connected. The owner's next command waits as long."

MOST_LINKS = 6
"How many links one person may send another through us: a request, an answer, and messages about a call."


@dataclass(eq=False)
class OwnQuestion:
    """The present state of the owner's question."""

    conversation: bytes
    "16 bytes."

    introduction: Introduction
    timer: asyncio.TimerHandle
    passed: Counter[tuple[int, int]] = field(default_factory=Counter)
    "How many links were passed from the first to the second."

    @property
    def stage(self) -> Stage:
        """The stage of the question."""
        return self.introduction.stage


class Merging:
    """At most one question at a time."""

    def __init__(self, lines: Lines, membership: Membership, listeners: CallListeners, later: Later) -> None:
        self._lines = lines
        self._membership = membership
        self._listeners = listeners
        self._later = later
        self._begun: OwnQuestion | None = None
        self._own_asking = Bucket(OWN_ASKING)

    def asks(self, line: Line) -> bool:
        """Whether the other side of that call is being asked."""
        return self._begun is not None and self._begun.stage is Stage.ASKING and line.number in self._people

    def meets(self, conversation: bytes) -> bool:
        """Whether somebody is about to join that conversation."""
        began = self._begun
        return began is not None and began.conversation == conversation and began.stage is Stage.MEETING

    def is_about(self, conversation: bytes) -> bool:
        """Whether it is the conversation that the owner has begun."""
        return self._begun is not None and self._begun.conversation == conversation

    @property
    def _people(self) -> tuple[int, ...]:
        return self._begun.introduction.people if self._begun is not None else ()

    async def begin(self) -> None:
        """Ask everybody with whom the owner is in a call. Raises CantMerge."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELLO_SECONDS):
                for line in [line for line in self._lines if line.engaged and isinstance(line.session, Session)]:
                    await line.until(lambda line=line: line.connection.converses is not None)  # type: ignore[misc]
        lines = [line for line in self._lines if line.engaged]
        for line in lines:
            _require_mergeable(line)
        conversations = {line.together for line in lines} - {b""}
        if len(lines) < 2:
            raise CantMerge
        connected = self._connected(lines)
        if len(conversations) == 1 and len(connected) == len(lines) * (len(lines) - 1) // 2:
            raise CantMerge("Your calls are one conversation already.", "")
        if len(lines) >= MAX_PEOPLE or len(conversations) > 1:
            raise CantMerge(f"At most {MAX_PEOPLE} people can be in one conversation.", "Hang up on somebody first.")
        if self._begun is not None and self._begun.stage is Stage.MEETING:
            raise CantMerge("They are being connected already.", "If somebody is missing in a minute: /merge")
        if self._begun is not None and self._begun.stage is Stage.ASKING:
            raise CantMerge("You have asked already.", "Wait for the answers, or take it back: /refuse")
        if not self._own_asking.takes(time.monotonic()):
            raise CantMerge("That is too often.", "Wait a minute, then try again.")
        conversation = next(iter(conversations), None) or secrets.token_bytes(CONVERSATION_BYTES)
        introduction, effects = begun([line.number for line in lines], connected)
        self._begun = began = OwnQuestion(conversation, introduction, self._later(ASK_SECONDS, self._times_out))
        self._listeners.told(lines[0], AskingOthers(tuple(line.label for line in lines)))
        await self._carry_out(began, effects)

    def _connected(self, lines: list[Line]) -> set[frozenset[int]]:
        """The pairs that already hear each other in the conversation, for example after a kill."""
        return {
            frozenset((one.number, other.number))
            for one, other in itertools.combinations(lines, 2)
            if one.together and one.together == other.together and self._membership.hear_each_other(one, other)
        }

    async def take_back(self) -> None:
        """Withdraw the question. Raises NotAsked."""
        if self._begun is None or self._begun.stage is not Stage.ASKING:
            raise NotAsked
        await self.happened(TakenBack())

    async def happened(self, event: Event) -> None:
        """Handle an answer, a lost person, or two people who have met."""
        began = self._begun
        if began is None:
            return
        before = began.stage
        began.introduction, effects = step(began.introduction, event)
        if began.stage is not before:
            began.timer.cancel()
            if began.stage is Stage.MEETING:
                began.timer = self._later(MEETING_SECONDS, self._times_out)
        await self._carry_out(began, effects)

    async def answered(self, line: Line, message: JoinAnswer) -> None:
        """Take the answer of a call's other side. An answer to a question from before a kill has no effect."""
        if self.is_about(message.conversation):
            await self.happened((SaidYes if message.agrees else SaidNo)(line.number))
        elif message.agrees:
            say(line, JoinOver(message.conversation))

    async def looked(self, conversation: bytes) -> None:
        """Note that it has changed who hears whom: two people may have met."""
        began = self._begun
        if began is None or not self.meets(conversation):
            return
        lines = {line.number: line for line in self._lines}
        for pair in began.introduction.pairs:
            one, other = lines.get(pair.caller), lines.get(pair.callee)
            if one is not None and other is not None and self._membership.hear_each_other(one, other):
                await self.happened(Met(pair.caller, pair.callee))

    def pass_on(self, line: Line, message: JoinLink) -> None:
        """Send a link to the person for whom it is, if we have introduced both to each other."""
        began = self._begun
        if began is None or not self.meets(message.conversation):
            return
        for to in self._lines:
            if to.peer.key == message.node and to.number in began.introduction.met_by(line.number):
                began.passed[line.number, to.number] += 1
                if began.passed[line.number, to.number] <= MOST_LINKS:
                    say(to, JoinLink(began.conversation, line.peer.key, message.link))

    async def _times_out(self) -> None:
        began = self._begun
        # Another event of the same moment may have set another timer.
        if began is not None and began.timer.when() <= asyncio.get_running_loop().time():
            await self.happened(TimedOut())
            await self._membership.shrink(began.conversation)

    async def _carry_out(self, began: OwnQuestion, effects: tuple[Effect, ...]) -> None:
        lines = {line.number: line for line in self._lines if not line.call.ended}
        for effect in effects:
            match effect:
                case Ask(person, others) if person in lines:
                    names = tuple(_name_to_give(lines[each]) for each in others)
                    say(lines[person], JoinAsk(began.conversation, names))
                case CallOff(person) if person in lines:
                    say(lines[person], JoinOver(began.conversation))
                case Fail(event):
                    self._tell_failed(began, lines, event)
                case Begin(people) if present := [lines[person] for person in people if person in lines]:
                    await self._begin(began, present)
                case Introduce(pair) if pair.caller in lines and pair.callee in lines:
                    caller, callee = lines[pair.caller], lines[pair.callee]
                    # Tell the person who is called first, because the link may come at once.
                    say(callee, JoinNode(began.conversation, caller.peer.key, calls=False))
                    say(caller, JoinNode(began.conversation, callee.peer.key, calls=True))

    async def _begin(self, began: OwnQuestion, lines: list[Line]) -> None:
        for line in lines:
            await self._membership.join(line, began.conversation)
        if not all(line.on_hold for line in lines):
            # Otherwise the owner has put all calls on hold since asking, and may be talking to somebody else. A single
            # /resume continues the conversation.
            for line in lines:
                if line.on_hold:
                    line.put(Resume())
        self._listeners.told(lines[0], Joined(None, tuple(line.label for line in lines)))
        self._membership.say(began.conversation)

    def _tell_failed(
        self, began: OwnQuestion, lines: dict[int, Line], event: SaidNo | Gone | TimedOut | TakenBack
    ) -> None:
        about = [person for person in began.introduction.people if person in lines]
        match event:
            case SaidNo(person):
                about, news = [person], NotMerged("refused")
            case Gone():
                # News for a person who stays: the other call has ended.
                news = NotMerged("gone")
            case TimedOut():
                news = NotMerged("late")
            case TakenBack():
                news = NotMerged("taken-back")
        if about:
            self._listeners.told(lines[about[0]], news)


def _require_mergeable(line: Line) -> None:
    if line.shown.echo:
        raise CantMerge("A test call can't be merged with others.", "Hang up first.")
    ours = isinstance(line.session, Session)
    if line.call.state is not State.ACTIVE:
        raise CantMerge(f"The call with {line.name} is being restored.", "Try again in a moment.")
    if ours and line.connection.converses is None:
        raise CantMerge(f"{line.label}'s program hasn't said yet what it can do.", "Try again in a moment.")
    if not ours or not line.connection.converses:
        raise CantMerge(
            f"{line.label}'s program can't be in a conversation of several people.",
            "With a newer Copybara Relay it can.",
        )


def _name_to_give(line: Line) -> str:
    """The name that others read for a person.

    Empty if nothing proves that the person is the contact in the owner's book.
    """
    return visible(line.shown.contact or "")[:MAX_JOIN_NAME] if line.proven else ""
