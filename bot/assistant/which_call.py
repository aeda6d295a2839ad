"""Which call the owner means by /answer and /decline. Pure: calls in, one of them out.

Anybody who sees a contact's link in the chat can let another call ring before the owner has typed a word. So what rang
last means nothing: only a caller who is proven is taken without a name, and only if there is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts import refusals
from peer.calls.line import Line
from shared.call.records import CallRecord
from shared.call.table import EndReason, State
from shared.errors import NothingRings, WhichCall
from shared.secrets.handshake import Role

JUST_NOW_SECONDS = 10
"For how long after its end a ring may be the one that the owner answers: they read, type, and the message travels."

SHORTEST_NODE = 8
"Characters of a node id by which a caller without a name can be meant."

UP = (State.CONNECTING, State.ACTIVE, State.RECONNECTING)

_BY_ITSELF = {EndReason.REMOTE_CANCELLED, EndReason.MISSED}
"Ends of a ring that the owner needn't know of yet."


def to_answer(lines: Sequence[Line], log: Sequence[CallRecord], now: float, whom: str = "") -> Line:
    """What /answer means: the call that rings, else one that waits for the owner's word, else one that they have
    answered before. `log` are the calls that ended last, `now` is in Unix seconds. Raises NothingRings, WhichCall.
    """
    rings = [line for line in lines if line.call.state is State.RINGING]
    up = [line for line in lines if line.call.state in UP and (line.held or line.call.role is Role.CALLEE)]
    held = [line for line in up if line.held]
    gone = _rang_just_now(log, now)
    if whom:
        for found in (named(rings, whom), named(held, whom), named(up, whom)):
            if found:
                line = _one(found, "/answer")
                if impersonated := [each for each in gone if _takes_the_name_of(line, each, whom)]:
                    raise WhichCall(*refusals.another_rings(impersonated[0], line))
                return line
        raise NothingRings(*refusals.does_not_ring(whom))
    if rings:
        line = _certain(rings)
        if not line.proven and (other := [each for each in gone if (each.peer, each.proven) != (line.peer, False)]):
            raise WhichCall(*refusals.another_rings(other[0], line))
        return line
    if held and gone:
        raise WhichCall(*refusals.rings_no_more(gone[0], held[-1]))
    for line in reversed(held or up):
        return line
    raise NothingRings()


def to_decline(lines: Sequence[Line], log: Sequence[CallRecord], now: float, said: str) -> tuple[Line, str]:
    """What /decline means, and the words for that caller: `said` begins with a name, if it has to.

    Raises NothingRings, WhichCall.
    """
    rings = [line for line in lines if line.call.state is State.RINGING]
    whom, _, rest = said.partition(" ")
    if found := named(rings, whom):
        return _one(found, "/decline"), rest
    if any(record.name and _same(record.name, whom) for record in _rang_just_now(log, now)):
        raise NothingRings(*refusals.does_not_ring(whom))
    if not rings:
        raise NothingRings()
    if len({line.peer for line in rings}) > 1:
        raise WhichCall(*refusals.several_ring(rings, "/decline"))
    return rings[-1], said


def named(lines: Sequence[Line], whom: str) -> list[Line]:
    """The calls with somebody: by the contact's name, their node id or its beginning."""
    found = [line for line in lines if line.contact is not None and _same(line.contact, whom)]
    if not found and len(whom) >= SHORTEST_NODE:
        found = [line for line in lines if str(line.peer).startswith(whom.lower())]
    return found


def _certain(rings: list[Line]) -> Line:
    """The call that rings; of several the one whose caller is proven, if that is one person only.

    Calls of one node have one name, so asking for it wouldn't tell them apart.
    """
    if len({line.peer for line in rings}) == 1:
        return _one(rings, "/answer")
    proven = [line for line in rings if line.proven]
    if len({line.peer for line in proven}) != 1:
        raise WhichCall(*refusals.several_ring(rings, "/answer"))
    return proven[-1]


def _one(found: list[Line], command: str) -> Line:
    """Of calls with one person the latest that is proven, else the latest."""
    if len({line.peer for line in found}) > 1:
        raise WhichCall(*refusals.several_ring(found, command, whole=True))
    return next((line for line in reversed(found) if line.proven), found[-1])


def _rang_just_now(log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The calls, latest first, whose ring has ended so lately that the owner may not know it yet."""
    return [
        record
        for record in log
        if record.role == Role.CALLEE
        and record.connected is None
        and record.reason in _BY_ITSELF
        and record.ended > now - JUST_NOW_SECONDS
    ]


def _takes_the_name_of(line: Line, gone: CallRecord, whom: str) -> bool:
    """Whether a call rings without the key of the contact whose own call was meant by that name."""
    unproven = line.call.state is State.RINGING and not line.proven
    return (
        unproven and gone.proven and gone.peer == line.peer and line.contact is not None and _same(line.contact, whom)
    )


def _same(name: str, whom: str) -> bool:
    return name.casefold() == whom.casefold()
