"""Where the links of nodes came from, and the cards that they were called by: of use, but never a reason for trust."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar
from weakref import WeakKeyDictionary

from bot.assistant.contacts import Whom
from bot.conversation import Identity
from peer.calls.line import Line
from shared.contacts import Contact
from shared.links.card import Card
from shared.node_id import NodeId

REMEMBERED = 100
"How many nodes are remembered, so that it can be saved with the contact."

_Kept = TypeVar("_Kept")


class Origins:
    """What one run of the program remembers of nodes, contacts or not."""

    def __init__(self) -> None:
        self._identities: OrderedDict[NodeId, Identity | None] = OrderedDict()
        "None if links of one node came from several."

        self._in_calls: WeakKeyDictionary[Line, Identity | None] = WeakKeyDictionary()
        "The same of one call."

        self._cards: OrderedDict[NodeId, Card] = OrderedDict()

    def came_from(self, line: Line, identity: Identity) -> None:
        """A link of that call's was written by somebody on the other side."""
        # In a first contact anybody may write a response, so two that differ say nothing.
        self._in_calls[line] = _same(self._in_calls.get(line, identity), identity)
        if not line.proven and line.link.keyed:
            return  # anybody may say that they are a contact who has a key
        _remember(self._identities, line.peer, _same(self._identities.get(line.peer, identity), identity))

    def called_by(self, node: NodeId, card: Card) -> None:
        """The owner has called the node by that card."""
        _remember(self._cards, node, card)

    def identity_in(self, line: Line) -> Identity | None:
        """Who has written the other side's links in that call, if that is clear."""
        return self._in_calls.get(line)

    def whom(self, node: NodeId) -> Whom:
        """The node, with the card that it was called by."""
        return Whom(node, self._cards.get(node))

    def name_of(self, node: NodeId) -> str:
        """What the node's owner is called in their messenger, or on their card; empty if neither is known."""
        identity, card = self._identities.get(node), self._cards.get(node)
        return identity.shown if identity else card.name if card else ""

    def bot_of(self, node: NodeId, contact: Contact | None) -> str | None:
        """The Telegram bot that a link for the node goes to, if it is known. Somebody may write from elsewhere than
        their card says, so where they wrote from comes first.
        """
        identity, card = self._identities.get(node), self._cards.get(node)
        return (
            (contact.telegram_bot if contact else None)
            or (identity.bot if identity else None)
            or (card.telegram_bot if card else "")
            or None
        )


def _same(known: Identity | None, identity: Identity) -> Identity | None:
    same = known is not None and (known.user, known.bot_id) == (identity.user, identity.bot_id)
    return identity if same else None


def _remember(kept: OrderedDict[NodeId, _Kept], node: NodeId, value: _Kept) -> None:
    """Keep something of a node, and of no more nodes than needed."""
    kept[node] = value
    kept.move_to_end(node)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
