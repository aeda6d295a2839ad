"""Contacts whose node id has changed: the notice is kept until the owner accepts it, and changes nothing before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from peer.calls.budget import Caller
from peer.calls.reading import Reading
from shared.contacts import Contact, Trust
from shared.links.kinds import LONGEST_LIFETIME, MAX_CLOCK_AHEAD
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store

if TYPE_CHECKING:  # the command line reads links too, and needs no libraries for media
    from peer.calls.incoming import IncomingCalls

OTHERS_KEPT = 3
"Announced nodes that are remembered beside the latest: two are enough to know that somebody has stolen a key."


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
    if not (_is_news(link, contact, own) or _contradicts(link, contact, own)) or calls.store.announced_own(link.node):
        return Reading(Reason.ALREADY_USED)
    if not calls.budget.take_missed(Caller.PROVEN, link.before):
        return calls.no_room(Reason.BUSY, Caller.PROVEN, link.before, contact)
    return await calls.writes.write(lambda store: _keep(store, link, own))


def _keep(store: Store, link: MovedLink, own: NodeId) -> Reading:
    """Keep it with the contact as it is now: the owner may have changed, blocked or removed it meanwhile."""
    contact = store.contact_of(link.before)
    if contact is None:
        return Reading(Reason.UNKNOWN_CALLER)
    if contact.trust is Trust.BLOCK:
        return Reading(Reason.BLOCKED)
    if _contradicts(link, contact, own):
        before = (*contact.announced_before, link.node)[-OTHERS_KEPT:]
        contact = msgspec.structs.replace(contact, announced_before=before)
        store.save_contact(contact)
        return Reading(moved=contact, moved_to=link.node)
    if not _is_news(link, contact, own):
        return Reading(Reason.ALREADY_USED)
    others = dict.fromkeys((*contact.announced_before, *filter(None, [contact.announced])))
    others.pop(link.node, None)
    contact = msgspec.structs.replace(
        contact, announced=link.node, announced_at=link.created, announced_before=tuple(others)[-OTHERS_KEPT:]
    )
    store.save_contact(contact)
    return Reading(moved=contact, moved_to=link.node)


def _contradicts(link: MovedLink, contact: Contact, own: NodeId) -> bool:
    """Whether an older notice names another node than the one that waits: the later one may be a thief's."""
    return (
        contact.announced is not None
        and contact.announced_at - LONGEST_LIFETIME < link.created <= contact.announced_at
        and link.node not in (contact.node, own, contact.announced, *contact.announced_before)
    )


def _is_news(link: MovedLink, contact: Contact, own: NodeId) -> bool:
    return link.created > contact.announced_at and link.node not in (contact.node, own)
