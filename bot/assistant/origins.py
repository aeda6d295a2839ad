"""Remembers which accounts wrote a node's links in a messenger, and with which card a node was called.

This decides where answers go. It is never a reason to trust anyone.
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
"How many nodes are remembered, because the owner may save one as a contact later."

_Kept = TypeVar("_Kept")


class Origins:
    """What is remembered during one run of the program, about contacts and strangers."""

    def __init__(self) -> None:
        self._identities: OrderedDict[NodeId, Identity | None] = OrderedDict()
        "The account of each node. None if its links came from several."

        self._in_calls: WeakKeyDictionary[Line, Identity | None] = WeakKeyDictionary()
        "The account of each call. None if its links came from several."

        self._cards: OrderedDict[NodeId, Card] = OrderedDict()

    def came_from(self, line: Line, identity: Identity) -> None:
        """Note the account that wrote the other side's link in that call."""
        # In a first contact anybody may write a response, so two different accounts prove nothing.
        self._in_calls[line] = _same(self._in_calls.get(line, identity), identity)
        if not line.proven and line.link.keyed:
            return  # anybody may claim to be a contact who has a key
        _remember(self._identities, line.peer, _same(self._identities.get(line.peer, identity), identity))

    def called_by(self, node: NodeId, card: Card) -> None:
        """Note the card with which the owner has called the node."""
        _remember(self._cards, node, card)

    def identity_in(self, line: Line) -> Identity | None:
        """The account that wrote the other side's links in that call. None if it is unknown, or there were several."""
        return self._in_calls.get(line)

    def whom(self, node: NodeId) -> Whom:
        """The node, with the card with which the owner called it, if there was one."""
        return Whom(node, self._cards.get(node))

    def name_of(self, node: NodeId) -> str:
        """The name of the node's owner in their messenger, or on their card. Empty if neither is known."""
        identity, card = self._identities.get(node), self._cards.get(node)
        return identity.shown if identity else card.name if card else ""

    def bot_of(self, node: NodeId, contact: Contact | None) -> str | None:
        """The user name of the Telegram bot that gets the links for a node. None if it isn't known.

        People may write from another bot than the one on their card, so the bot that wrote to us comes first.
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
    """Remember a value for a node. Forget the oldest if there are more than REMEMBERED."""
    kept[node] = value
    kept.move_to_end(node)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
