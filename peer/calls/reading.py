"""The result of reading a link: what became of it, and what the owner should know."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from peer.calls.budget import Dropped
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from shared.contacts import Contact
from shared.links.kinds import Card
from shared.node_id import NodeId
from shared.reasons import Reason


class MissedCall(msgspec.Struct, frozen=True):
    """Somebody called while this program didn't run, or couldn't be reached by its messenger."""

    peer: NodeId
    contact: str | None
    created: int
    "When the link was written, Unix seconds."

    doubtful: bool = False
    "The link names the contact, but isn't sealed with the key that we share with them."


@dataclass(frozen=True, slots=True)
class OtherClock:
    """A contact's link is from another time by our clock: the clocks may differ, or it came late."""

    contact: str
    ahead: int
    "How far ahead of our clock it was written, in seconds; negative: behind."

    link: CallLink = field(repr=False)


class Reading(msgspec.Struct, frozen=True):
    """What became of one link."""

    reason: Reason | None = None
    "Why it was taken or refused; None for a link that belongs to one of our calls, or a card."

    line: Line | None = None
    "The call that the link has begun, or is about."

    card: Card | None = None

    moved: Contact | None = None
    "The contact who says that they have another node now."

    moved_to: NodeId | None = None
    "The new node, as this link says. Another link may have announced another one."

    missed: MissedCall | None = None
    "Who has called with a link that has expired; the owner may want to call back. The owner hears of each link once."

    other_clock: OtherClock | None = None
    "Whose clock may differ from ours, by a link that a contact's key proves. The owner hears of each link once."

    dropped: Dropped | None = None
    "The link's call isn't shown, because too many of its kind came. The owner hears of that once in a while."
