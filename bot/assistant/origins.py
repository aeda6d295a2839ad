"""Remembers who wrote the links of a node in a messenger, and by which card a node was called.

That tells where answers go. It is never a reason to trust anyone.
"""

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
"How many nodes are remembered: the owner may save one as a contact later."

_Kept = TypeVar("_Kept")


class Origins:
    """What is remembered in one run of the program, of contacts and of strangers."""

    def __init__(self) -> None:
        self._identities: OrderedDict[NodeId, Identity | None] = OrderedDict()
        "By node; None if its links came from more than one account."

        self._in_calls: WeakKeyDictionary[Line, Identity | None] = WeakKeyDictionary()
        "By call; None if its links came from more than one account."

        self._cards: OrderedDict[NodeId, Card] = OrderedDict()

    def came_from(self, line: Line, identity: Identity) -> None:
        """The other side's link in that call was written by this account."""
        # In a first contact anybody may write a response, so two that differ say nothing.
        self._in_calls[line] = _same(self._in_calls.get(line, identity), identity)
        if not line.proven and line.link.keyed:
            return  # anybody may say that they are a contact who has a key
        _remember(self._identities, line.peer, _same(self._identities.get(line.peer, identity), identity))

    def called_by(self, node: NodeId, card: Card) -> None:
        """The owner has called the node by that card."""
        _remember(self._cards, node, card)

    def identity_in(self, line: Line) -> Identity | None:
        """The account that wrote the other side's links in that call; None if it is unknown, or there were several."""
        return self._in_calls.get(line)

    def whom(self, node: NodeId) -> Whom:
        """The node, with the card that the owner called it by, if there was one."""
        return Whom(node, self._cards.get(node))

    def name_of(self, node: NodeId) -> str:
        """What the node's owner is called in their messenger, or on their card; empty if neither is known."""
        identity, card = self._identities.get(node), self._cards.get(node)
        return identity.shown if identity else card.name if card else ""

    def bot_of(self, node: NodeId, contact: Contact | None) -> str | None:
        """The user name of the Telegram bot that links for a node go to; None if it isn't known.

        People may write from another bot than the one on their card, so the one that they wrote from comes first.
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
    """Remember something of a node, and forget the oldest if there are more than REMEMBERED."""
    kept[node] = value
    kept.move_to_end(node)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
