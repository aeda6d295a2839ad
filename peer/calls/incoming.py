"""What is needed to let a call in, from a link or from another program: rules, budget, and the way it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from peer.calls.budget import Budget, Caller, Dropped
from peer.calls.call_policy import CallPolicy
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.reading import Reading
from peer.calls.runner import LineRunner
from shared.call.events import Answer, Busy, Offered
from shared.config.schema import Calls
from shared.contacts import Contact
from shared.node_id import NodeId
from shared.policy import Decision, Verdict
from shared.reasons import Reason
from shared.store import Store, StoreThread


@dataclass(frozen=True, slots=True, eq=False)
class IncomingCalls:
    """The incoming calls of one node."""

    lines: Lines
    runner: LineRunner
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

    async def begin(self, line: Line, decision: Decision) -> Reading:
        """Begin a call as the policy has decided: it rings, is answered, or its caller hears that we are busy.

        Raises StoreError.
        """
        beginning: Offered | Answer | Busy
        match decision.verdict:
            case Verdict.AUTO:
                beginning = Answer(automatic=True)
            case Verdict.BUSY:
                beginning = Busy()
            case _:
                beginning = Offered(machine=decision.machine)
        await self.runner.start(line, line.begin(beginning, decision.reason))
        return Reading(decision.reason, line)
