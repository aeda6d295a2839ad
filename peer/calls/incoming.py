"""What is needed to let a call in, from a link or from another program: rules, budget, and how it begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from peer.calls.budget import Budget, Caller, Dropped
from peer.calls.call_link import CallLink
from peer.calls.call_policy import CallPolicy
from peer.calls.foreign import ForeignCall
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.line_records import begun
from peer.calls.lines import Lines, LineStarter
from peer.calls.reading import Reading
from peer.calls.standing import LineStanding
from shared.call.effects import Effect
from shared.call.events import Answer, Busy, Offered
from shared.call.table import incoming
from shared.config.schema import Calls
from shared.contacts import Contact
from shared.media import Media
from shared.node_id import NodeId
from shared.policy import Decision, Verdict
from shared.reasons import Reason
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread


@dataclass(frozen=True, slots=True)
class ComingCall:
    """A call that somebody else begins, as it is let in."""

    link: CallLink
    chat: str
    "Where its link was read, and where answers go."

    media: Media
    "What its caller gets at most."

    expires: int
    "Until when it may be answered, Unix seconds."

    shown: Presented
    foreign: ForeignCall | None = None
    "What another program has offered."

    on_hold: bool = False
    "It joins a conversation that the owner has put on hold."

    def line(self, number: int) -> Line:
        """The call's line, with that number."""
        call, _ = incoming(Offered(), paired=self.link.paired)
        return Line(
            number,
            replace(call, on_hold=self.on_hold),
            self.link,
            chat=self.chat,
            expires=self.expires,
            connection=ConnectionState(self.media, dialled=time.monotonic()),
            shown=self.shown,
            foreign=self.foreign,
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """A call that was let in and is to be started."""

    line: Line
    effects: tuple[Effect, ...]
    "What its call table asks for first."

    reason: Reason
    "What the policy said of it."


@dataclass(frozen=True, slots=True, eq=False)
class IncomingCalls:
    """The incoming calls of one node."""

    lines: Lines
    starter: LineStarter
    standing: LineStanding
    writes: StoreThread
    policy: CallPolicy
    budget: Budget
    settings: Calls
    clock: Callable[[], float]
    "Unix seconds."

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    "Held while a link is acted on: the call that it leads to counts when the next one is judged."

    @property
    def store(self) -> Store:
        """The store, to be read."""
        return self.writes.store

    def no_room(self, reason: Reason, caller: Caller, node: NodeId, contact: Contact | None) -> Reading:
        """What the Reading of a call says for which the budget has no room.

        Its link stays unused and may be read again.
        """
        tell = self.budget.tell(caller, node)
        return Reading(reason, dropped=Dropped(caller, contact.name if contact else "") if tell else None)

    async def use(self, coming: ComingCall, until: int, *, stands_alone: bool = True, again: bool = False) -> bool:
        """In one write: mark a call's link as used, note that the other side has its secret, and keep the call.

        Returns False if the link was used before, unless it may be used `again`. `until` is when that may be forgotten,
        Unix seconds. `stands_alone`: this call may be up one day, and isn't merely the other side's half of another
        one. Raises StoreError.
        """
        link = coming.link
        call = begun(link, Role.CALLEE, coming.chat, coming.shown) if stands_alone else None

        def use(store: Store) -> bool:
            if not (store.use_links(link.marks, expires=until) or again):
                return False
            if link.secret is not None:
                store.note_secret_used(link.peer, link.secret)
            if call is not None:
                store.save_call(call)
            return True

        return await self.writes.write(use)

    def line(self, coming: ComingCall) -> Line:
        """The line of a call whose link is used now. It begins later, or becomes one with our own call."""
        return coming.line(self.lines.next_number())

    async def keep(self, line: Line) -> None:
        """Keep a call whose link was used for one half of a call with our own, and that stands alone now.

        Raises StoreError.
        """
        call = begun(line.link, Role.CALLEE, line.chat, line.shown)
        await self.writes.write(lambda store: store.save_call(call))

    def beginning(self, line: Line, decision: Decision, *, by_hand: bool = False) -> Beginning:
        """How a call begins, as the policy has decided: it rings, is answered, or its caller hears that we are busy.

        A call that was to be answered without asking rings if the book has changed while its link was marked.
        `by_hand`: the owner has pressed *Answer* for it. Raises StoreError.
        """
        beginning: Offered | Answer | Busy
        reason = decision.reason
        match decision.verdict:
            case Verdict.AUTO if self.standing.may_be_answered(line):
                beginning = Answer(automatic=not by_hand)
            case Verdict.AUTO:
                beginning, reason = Offered(), Reason.ASK
            case Verdict.BUSY:
                beginning = Busy()
            case _:
                beginning = Offered(machine=decision.machine)
        return Beginning(line, line.begin(beginning, reason), reason)
