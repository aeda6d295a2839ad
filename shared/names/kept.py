"""What is remembered of a name that was looked up, and what a new answer means beside it. Pure.

The rule that keeps it safe: a name never changes without the owner. The first answer is kept. A node other than the
kept one, or the contact's, is held until the owner has said whether to follow it. Another contact card for the same
node, or one where there was none, isn't used until then: it says who can read the first link and where that goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.errors import NameHeld
from shared.names import NamedNode
from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class KeptName:
    """A name that was looked up."""

    answer: NamedNode
    "The node that the owner goes by."

    held: NamedNode | None = None
    "Another node, which the name led to last; the owner hasn't said yet what to do about it."

    refused: NodeId | None = None
    "A node that the name leads to and that the owner doesn't want to follow."

    new_card: str = ""
    "The token of another card than `answer` has, for the same node; the owner hasn't said yet what to do about it."

    refused_card: str = ""
    "One that the owner doesn't want to use."


def weigh(now: NamedNode, kept: KeptName | None, contact: NodeId | None) -> KeptName:
    """What to keep after an answer. `contact` is the node of the contact that goes by this name.

    What is called is `answer` of the result, and nothing if it has something `held`: raise `moved` then.
    """
    known = contact or (kept.answer.node if kept else None)
    if known is None or known == now.node:
        return _with_known_card(now, kept) if kept is not None and kept.answer.node == now.node else KeptName(now)
    if kept is not None and kept.answer.node == known:
        before = kept.answer
    else:
        before = NamedNode(known, "contacts", now.name, now.at, from_memory=False)
    if kept is not None and kept.refused == now.node:
        return KeptName(before, refused=now.node)
    return KeptName(before, held=now)


def _with_known_card(now: NamedNode, kept: KeptName) -> KeptName:
    """The same node again, with the card that is known or none, whatever card there is now."""
    card, refused = kept.answer.card, kept.refused_card
    new = now.card if now.card not in (card, refused) else ""
    return KeptName(replace(now, card=card), new_card=new, refused_card=refused)


def moved(kept: KeptName) -> NameHeld:
    """The error that stops a call, with both values."""
    assert kept.held is not None
    return NameHeld(kept.answer.name, before=str(kept.answer.node), now=str(kept.held.node))


def follow(kept: KeptName) -> KeptName:
    """The owner goes with the new node, or with the new card of the same one."""
    if kept.held is not None:
        return KeptName(kept.held)
    return KeptName(replace(kept.answer, card=kept.new_card))


def stay(kept: KeptName) -> KeptName:
    """The owner stays with the old node, or with the old card."""
    if kept.held is not None:
        return KeptName(kept.answer, refused=kept.held.node)
    return KeptName(kept.answer, refused_card=kept.new_card)
