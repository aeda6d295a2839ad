"""How many calls may ask for the owner's attention: counted apart, so that a stranger never costs a contact anything.

Anyone can write a request in any node's name. So calls are counted by what they prove: all strangers together, each
contact's name on requests that prove nothing, and each contact's own sealed links.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from peer.calls.line import Line
from shared.call.table import State
from shared.node_id import NodeId

WINDOW_SECONDS = 600.0
"How long a call counts: the default lifetime of a link."


class Caller(enum.Enum):
    """What is known of somebody who calls."""

    STRANGER = "stranger"
    UNPROVEN = "unproven"
    "A request names a contact."

    PROVEN = "proven"
    "A contact's own key sealed the link."


class Limits(msgspec.Struct, frozen=True):
    """How much of the owner's attention one kind of caller may have."""

    at_once: int
    "Calls that ring or are being answered."

    in_window: int
    "Calls within WINDOW_SECONDS."

    missed: int
    "Missed calls that the owner hears of within WINDOW_SECONDS."


LIMITS = {
    Caller.STRANGER: Limits(at_once=8, in_window=40, missed=8),
    Caller.UNPROVEN: Limits(at_once=8, in_window=40, missed=4),
    Caller.PROVEN: Limits(at_once=8, in_window=120, missed=40),
}


class Dropped(msgspec.Struct, frozen=True):
    """A call that wasn't shown, because its kind of caller has used up its share. Reported once in WINDOW_SECONDS."""

    caller: Caller
    name: str = ""
    "The contact's."


_Key = tuple[Caller, NodeId | None]
"A kind of caller, and which contact; None: all strangers together."


class Budget:
    """Counts the calls of one run."""

    def __init__(self, lines: Iterable[Line], clock: Callable[[], float]) -> None:
        self._lines = lines
        self._clock = clock
        self._calls: dict[_Key, deque[float]] = {}
        self._missed: dict[_Key, deque[float]] = {}
        self._told: dict[_Key, float] = {}

    def take(self, caller: Caller, node: NodeId) -> bool:
        """Count a call, or return False if there is no room for it."""
        if self._open(caller, node) >= LIMITS[caller].at_once:
            return False
        return self._count(self._calls, self._key(caller, node), LIMITS[caller].in_window)

    def take_missed(self, caller: Caller, node: NodeId) -> bool:
        """Count a missed call, or return False if the owner has heard of enough of them."""
        return self._count(self._missed, self._key(caller, node), LIMITS[caller].missed)

    def _count(self, counted: dict[_Key, deque[float]], key: _Key, limit: int) -> bool:
        now, taken = self._clock(), counted.setdefault(key, deque())
        while taken and not now - WINDOW_SECONDS < taken[0] <= now:
            taken.popleft()
        if len(taken) >= limit:
            return False
        taken.append(now)
        return True

    def tell(self, caller: Caller, node: NodeId) -> bool:
        """Whether to tell the owner that a call was dropped; once in WINDOW_SECONDS."""
        key, now = self._key(caller, node), self._clock()
        if key in self._told and self._told[key] <= now < self._told[key] + WINDOW_SECONDS:
            return False
        self._told[key] = now
        return True

    def _key(self, caller: Caller, node: NodeId) -> _Key:
        return caller, None if caller is Caller.STRANGER else node

    def _open(self, caller: Caller, node: NodeId) -> int:
        """How many calls of such a caller ring or are being answered."""
        return sum(
            caller_of(line.shown.contact is not None, line.proven) is caller
            and (caller is Caller.STRANGER or line.peer == node)
            and (line.shown.machine or line.call.state in (State.RINGING, State.CONNECTING))
            for line in self._lines
        )


def caller_of(contact: bool, proven: bool) -> Caller:
    """The kind of a caller."""
    if not contact:
        return Caller.STRANGER
    return Caller.PROVEN if proven else Caller.UNPROVEN
