"""What is remembered of a name that was looked up, and what a new answer means beside it. Pure.

The rule that keeps it safe: a name never changes without the owner. The first answer is kept. A node other than the
kept one, or the contact's, is held until the owner has said whether to follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def weigh(now: NamedNode, kept: KeptName | None, contact: NodeId | None) -> KeptName:
    """What to keep after an answer. `contact` is the node of the contact that goes by this name.

    What is called is `answer` of the result, and nothing if it has something `held`: raise `moved` then.
    """
    known = contact or (kept.answer.node if kept else None)
    if known is None or known == now.node:
        return KeptName(now)
    if kept is not None and kept.answer.node == known:
        before = kept.answer
    else:
        before = NamedNode(known, "contacts", now.name, now.at, from_memory=False)
    if kept is not None and kept.refused == now.node:
        return KeptName(before, refused=now.node)
    return KeptName(before, held=now)


def moved(kept: KeptName) -> NameHeld:
    """The error that stops a call, with both values."""
    assert kept.held is not None
    return NameHeld(kept.answer.name, before=str(kept.answer.node), now=str(kept.held.node))


def follow(kept: KeptName) -> KeptName:
    """The owner goes with the new node."""
    assert kept.held is not None
    return KeptName(kept.held)


def stay(kept: KeptName) -> KeptName:
    """The owner stays with the old node."""
    assert kept.held is not None
    return KeptName(kept.answer, refused=kept.held.node)
