"""Asks the policy (shared/policy.py) with what this node knows: the settings, the calls that there are, the time."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.line import Line
from peer.calls.lines import Lines, one_each
from peer.calls.silenced import SilencedStrangers
from shared.config.schema import Answering, Calls
from shared.node_id import NodeId
from shared.policy import Decision, KnownCaller, OwnersSide, Verdict, WantedCall, decide
from shared.reasons import Reason


class CallPolicy:
    """Decides about all incoming calls, of our own program and of others."""

    def __init__(
        self,
        *,
        lines: Lines,
        choice: EndpointChoice,
        settings: Calls,
        answering: Answering,
        silenced: SilencedStrangers,
        call_waiting: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        """`call_waiting` tells whether the owner can be asked about another call while one is up.

        `clock` is the time in Unix seconds.
        """
        self._lines = lines
        self._choice = choice
        self._settings = settings
        self._answering = answering
        self._silenced = silenced
        self._call_waiting = call_waiting
        self._clock = clock

    def decide(
        self, caller: KnownCaller, node: NodeId, wanted: WantedCall, *, ours: Line | None = None, machine: bool = True
    ) -> Decision:
        """Decide about a call by `node`.

        `ours` is our own call to that node, if there is one that this call meets: the two become one, so there is room
        for it. `machine`: whether the answering machine could take this call.
        """
        if caller.contact is None and ours is None and node in self._silenced:
            return Decision(Verdict.IGNORE, Reason.BLOCKED)
        proven = caller.proven
        engaged = [line for line in self._lines.engaged(beside=node, proven=proven) if not line.on_hold]
        occupying = self._lines.occupying(beside=node, proven=proven)
        held = any(line.on_hold for line in occupying)
        now = self._clock()
        decision = decide(
            caller,
            wanted,
            OwnersSide(
                now=int(now),
                local_time=datetime.datetime.fromtimestamp(now).time(),
                unknown=self._settings.unknown,
                lifetime=self._settings.lifetime,
                machine_after=self._answering.machine_after if machine else 0,
                opens=self._choice.opens(caller.contact, proven=proven, keyed=caller.keyed),
                busy=ours is None and len(one_each(engaged)) >= self._settings.at_once,
                occupied=ours is None and (held or len(one_each(occupying)) >= self._settings.at_once),
                call_waiting=self._call_waiting(),
            ),
        )
        asks_first = self._choice.asks_first(caller.contact, proven=proven, keyed=caller.keyed)
        if decision.verdict is Verdict.AUTO and asks_first:
            return replace(decision, verdict=Verdict.RING, reason=Reason.ASK)
        return decision
