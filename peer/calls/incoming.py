"""What letting a call in takes, whatever it came by: the rules, the room that there is, and how the call begins."""

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
    """Those of one node, read from links or brought by other programs."""

    lines: Lines
    runner: LineRunner
    writes: StoreThread
    policy: CallPolicy
    budget: Budget
    settings: Calls
    clock: Callable[[], float]
    "Unix seconds."

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    "Held while something is let in: what one link leads to counts for the next."

    @property
    def store(self) -> Store:
        """For reading."""
        return self.writes.store

    def no_room(self, reason: Reason, caller: Caller, node: NodeId, contact: Contact | None) -> Reading:
        """There is no room for a call of that kind: it isn't shown, and may be read again later."""
        tell = self.budget.tell(caller, node)
        return Reading(reason, dropped=Dropped(caller, contact.name if contact else "") if tell else None)

    async def begin(self, line: Line, decision: Decision) -> Reading:
        """Let it ring, be answered, or hear that we are busy. Raises StoreError."""
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
