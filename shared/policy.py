"""Whether a call that was read from a link is answered, rings, or is ignored, with the reason. Pure."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Literal

from shared.contacts import Contact, Trust
from shared.links.kinds import LIFETIME, MAX_CLOCK_AHEAD
from shared.media import Media
from shared.reasons import Reason


class Action(enum.StrEnum):
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
    """The action, and why."""

    action: Action
    reason: Reason

    media: Media = Media.NONE
    "What the caller gets if the call is answered: at most what it wants; nothing if it isn't to be answered."

    machine: bool = False
    "Whether the answering machine takes the call once it has rung long enough."


def decide(
    *,
    contact: Contact | None,
    media: Media,
    created: int,
    now: int,
    local_time: datetime.time,
    mine: bool,
    seen: Literal["ours", "used"] | None,
    busy: bool,
    unknown: Literal["ring", "ignore"],
    lifetime: int = LIFETIME,
    machine_after: int = 0,
    waits: bool = False,
    proven: bool = False,
    keyed: bool = False,
    opens: bool = False,
    occupied: bool = False,
) -> Decision:
    """Decide about a call by its link, its caller and the time.

    `contact` is who calls: the one whose pair secret opened the link, or whose node the request names as its source.
    None is a stranger, for whom `unknown` is the owner's wish. `proven`: a pair secret opened the link, so the contact
    wrote it. A request, sealed or not, proves nothing: anyone can write it, and any program at the contact's overlay
    address can take the call. `keyed`: there is such a secret, so that the contact would have used it. What isn't
    proven rings; it is answered without asking only for a contact whose node id the owner wants to be enough, and
    only until there is a key. `opens`: what would answer lets the caller see or hear the room.

    `media` is what the caller wants, `created`, `now` and `lifetime` are (Unix) seconds, `local_time` the owner's.
    `mine` tells a link for this node, `seen` what the store knows of it, `busy` that no further call can be taken now,
    `occupied` that a call is being set up which will take the owner's time: then they are asked about others.
    `machine_after` is after how many seconds the answering machine takes the call of a contact, if the link lives that
    long; 0: it never does. `waits` is for a busy owner who can be asked: calls ring beside the other one, those of
    trusted contacts as well.

    Our own link is no call at all. Then the checks stand in the order of Reason; malformed links and other versions
    don't come this far.
    """
    if seen == "ours":
        return _ignore(Reason.OWN_LINK)
    if not mine:
        return _ignore(Reason.NOT_FOR_THIS_NODE)
    if created > now + MAX_CLOCK_AHEAD:
        return _ignore(Reason.CLOCK)
    if now >= created + lifetime:
        return _ignore(Reason.EXPIRED)
    if seen == "used":
        return _ignore(Reason.ALREADY_USED)
    if contact is None:
        if unknown == "ignore":
            return _ignore(Reason.UNKNOWN_CALLER)
        accepted = Decision(Action.RING, Reason.NEW_CALLER, media)
    else:
        if contact.trust is Trust.BLOCK:
            return _ignore(Reason.BLOCKED)
        allowed = media & contact.media
        trust = _trust_at(contact, local_time)
        if trust is Trust.BLOCK or not allowed:
            return _ignore(Reason.NOT_ALLOWED_NOW)
        if not proven and keyed:
            accepted = Decision(Action.RING, Reason.UNPROVEN, allowed)
        elif trust is Trust.AUTO and (proven or (contact.unproven and not opens)):
            accepted = Decision(Action.AUTO, Reason.TRUSTED, allowed)
        else:
            machine = proven and 0 < machine_after < created + lifetime - now
            accepted = Decision(Action.RING, Reason.ASK, allowed, machine)
    if busy and not waits:
        return Decision(Action.BUSY, Reason.BUSY)
    if (busy or occupied) and accepted.action is Action.AUTO:
        return Decision(Action.RING, Reason.ASK, accepted.media)
    return accepted


def _trust_at(contact: Contact, local_time: datetime.time) -> Trust:
    """Outside a contact's hours its trust is one step less."""
    if contact.hours is None or local_time in contact.hours:
        return contact.trust
    return Trust.RING if contact.trust is Trust.AUTO else Trust.BLOCK


def _ignore(reason: Reason) -> Decision:
    return Decision(Action.IGNORE, reason)
