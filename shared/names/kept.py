"""What is remembered about a name, and what a new answer means for it. Pure.

The rule that makes it safe: a name never changes without the owner. The first answer is kept. If a new answer names
another node than the kept one or the contact's, it is held until the owner decides whether to follow it. The same goes
for another contact card of the same node, even if there was none before: the card decides who can read the first link
and where it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.errors import NameHeld
from shared.names import NamedNode
from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class KeptName:
    """What is remembered about a name that was looked up."""

    answer: NamedNode
    "The answer in use."

    held: NamedNode | None = None
    "A newer answer with another node. The owner hasn't decided yet."

    refused: NodeId | None = None
    "A node that the name points to, and that the owner has refused."

    new_card: str = ""
    "The token of another card of the same node. The owner hasn't decided yet."

    refused_card: str = ""
    "The token of a card that the owner has refused."


def weigh(now: NamedNode, kept: KeptName | None, contact: NodeId | None) -> KeptName:
    """What to remember after the answer `now`. `contact` is the node of the contact with this name.

    A call uses `answer` of the result. If something is `held`, it must not call: raise `moved` then.
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
    """The same node, with the known card or none, whatever card there is now."""
    card, refused = kept.answer.card, kept.refused_card
    new = now.card if now.card not in (card, refused) else ""
    return KeptName(replace(now, card=card), new_card=new, refused_card=refused)


def moved(kept: KeptName) -> NameHeld:
    """The error that prevents a call. It has both nodes."""
    assert kept.held is not None
    return NameHeld(kept.answer.name, before=str(kept.answer.node), now=str(kept.held.node))


def follow(kept: KeptName) -> KeptName:
    """Take the new node, or the new card of the same node, because the owner has accepted it."""
    if kept.held is not None:
        return KeptName(kept.held)
    return KeptName(replace(kept.answer, card=kept.new_card))


def stay(kept: KeptName) -> KeptName:
    """Keep the old node, or the old card, because the owner has refused the new one."""
    if kept.held is not None:
        return KeptName(kept.answer, refused=kept.held.node)
    return KeptName(kept.answer, refused_card=kept.new_card)
