"""Contacts whose node id has changed: the notice is kept until the owner accepts it, and changes nothing before."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from peer.calls.budget import Caller
from peer.calls.incoming import IncomingCalls
from peer.calls.reading import Reading
from shared.contacts import Trust
from shared.links.kinds import MAX_CLOCK_AHEAD
from shared.node_id import NodeId
from shared.reasons import Reason


@dataclass(frozen=True, slots=True)
class MovedLink:
    """A notice that one of our pair secrets opened."""

    before: NodeId
    "The contact's node until now."

    node: NodeId
    "Their node from now on, as they say."

    created: int
    "Unix seconds."

    secret: bytes = field(repr=False)
    proven: bool
    "As in CallLink."


async def read_move(calls: IncomingCalls, link: MovedLink, own: NodeId) -> Reading:
    """Keep what a notice says for the owner to decide. Raises StoreError.

    Each is read once: a later one counts, an earlier one doesn't.
    """
    contact = calls.store.contact_of(link.before)
    if contact is None:
        return Reading(Reason.UNKNOWN_CALLER)
    if contact.trust is Trust.BLOCK:
        return Reading(Reason.BLOCKED)
    if not link.proven:
        return Reading(Reason.UNPROVEN)
    if link.created > calls.clock() + MAX_CLOCK_AHEAD:
        return Reading(Reason.CLOCK)
    if link.created <= contact.announced_at or link.node in (contact.node, own):
        return Reading(Reason.ALREADY_USED)
    if not calls.budget.take_missed(Caller.PROVEN, link.before):
        return calls.no_room(Reason.BUSY, Caller.PROVEN, link.before, contact)
    contact = msgspec.structs.replace(contact, announced=link.node, announced_at=link.created)
    await calls.writes.write(lambda store: store.save_contact(contact))
    return Reading(moved=contact)
