"""Decides whether an incoming call is answered, rings, or is ignored, and says why. Pure."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Literal

from shared.contacts import Contact, Trust
from shared.links.kinds import LIFETIME, MAX_CLOCK_AHEAD
from shared.media import Media
from shared.reasons import Reason


class Verdict(enum.StrEnum):
    """What to do with a call."""

    AUTO = "auto"
    "Answer without asking, and tell the owner."

    RING = "ring"
    "Ask the owner."

    BUSY = "busy"
    "Post that we are busy, and tell the owner."

    IGNORE = "ignore"
    "Post nothing; in the owner's own chat, explain."


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why."""

    verdict: Verdict
    reason: Reason

    media: Media = Media.NONE
    "What the caller gets if the call is answered: at most what it wants. NONE if it mustn't be answered."

    machine: bool = False
    "Whether the answering machine takes the call once it has rung long enough."


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """What is known of the caller."""

    contact: Contact | None
    "The contact whose pair secret opened the link, or whose node a request names as its source. None: a stranger."

    proven: bool = False
    """A pair secret opened the link, so the contact wrote it. A request, sealed or not, proves nothing: anyone can
    write it, and any program at the contact's overlay address can take the call."""

    keyed: bool = False
    "We share a secret with the contact, who would have used it."


@dataclass(frozen=True, slots=True)
class WantedCall:
    """What the link says."""

    media: Media
    "What the caller wants."

    created: int
    "Unix seconds."

    seen: Literal["ours", "used"] | None = None
    "What the store knows of the link: that we wrote it, or that it was used; None: nothing."


@dataclass(frozen=True, slots=True)
class OwnersSide:
    """What the owner has configured, and what they are doing when the call comes."""

    now: int
    "Unix seconds."

    local_time: datetime.time
    "The same as the owner's local time, because contacts may have hours."

    unknown: Literal["ring", "ignore"] = "ring"
    "What to do with strangers."

    lifetime: int = LIFETIME
    "How long a link may be used, in seconds."

    machine_after: int = 0
    """After how many seconds of ringing the answering machine takes a contact's call; 0: never. A link that expires
    sooner isn't left to it."""

    opens: bool = False
    "Whether the endpoint that would answer lets the caller see or hear the room."

    busy: bool = False
    "The owner is in so many calls that they can't take another one."

    occupied: bool = False
    "A call is being set up that will take the owner's time, so that they have to be asked about others."

    call_waiting: bool = False
    "A busy owner can be asked about another call. It rings then, even if a trusted contact calls."


def decide(caller: KnownCaller, wanted: WantedCall, owner: OwnersSide) -> Decision:
    """Decide about a call for this node.

    A call that isn't proven rings. It is answered automatically only for a contact of whom the owner has said that the
    node id is enough, only as long as no key is shared with them, and only by an endpoint that doesn't open the room.

    Our own link is no call at all. After that the checks are in the order of Reason. Links that are malformed, of
    another version or for another node don't get here.
    """
    if wanted.seen == "ours":
        return _ignore(Reason.OWN_LINK)
    if wanted.created > owner.now + MAX_CLOCK_AHEAD:
        return _ignore(Reason.CLOCK)
    expires = wanted.created + owner.lifetime
    if owner.now >= expires:
        return _ignore(Reason.EXPIRED)
    if wanted.seen == "used":
        return _ignore(Reason.ALREADY_USED)
    accepted = _by_caller(caller, wanted.media, owner, expires)
    if accepted.verdict is Verdict.IGNORE:
        return accepted
    if owner.busy and not owner.call_waiting:
        return Decision(Verdict.BUSY, Reason.BUSY)
    if (owner.busy or owner.occupied) and accepted.verdict is Verdict.AUTO:
        return Decision(Verdict.RING, Reason.ASK, accepted.media)
    return accepted


def _by_caller(caller: KnownCaller, wanted: Media, owner: OwnersSide, expires: int) -> Decision:
    """What this caller may do, without looking at the owner's other calls."""
    contact, proven = caller.contact, caller.proven
    if contact is None:
        if owner.unknown == "ignore":
            return _ignore(Reason.UNKNOWN_CALLER)
        return Decision(Verdict.RING, Reason.NEW_CALLER, wanted)
    if contact.trust is Trust.BLOCK:
        return _ignore(Reason.BLOCKED)
    allowed = wanted & contact.media
    trust = _trust_at(contact, owner.local_time)
    if trust is Trust.BLOCK or not allowed:
        return _ignore(Reason.NOT_ALLOWED_NOW)
    if caller.keyed and not proven:
        return Decision(Verdict.RING, Reason.UNPROVEN, allowed)
    if trust is Trust.AUTO and (proven or (contact.unproven and not owner.opens)):
        return Decision(Verdict.AUTO, Reason.TRUSTED, allowed)
    machine = proven and 0 < owner.machine_after < expires - owner.now
    return Decision(Verdict.RING, Reason.ASK, allowed, machine)


def _trust_at(contact: Contact, local_time: datetime.time) -> Trust:
    """The contact's trust at that time: outside of its hours it is one step lower."""
    if contact.hours is None or local_time in contact.hours:
        return contact.trust
    return Trust.RING if contact.trust is Trust.AUTO else Trust.BLOCK


def _ignore(reason: Reason) -> Decision:
    return Decision(Verdict.IGNORE, reason)
