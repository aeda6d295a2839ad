"""What the owner decides about names of name systems: to go with a change or not, and whom a contact's names are."""

from __future__ import annotations

import msgspec

from bot.texts import refusals
from shared.contacts import Contact
from shared.errors import CopybaraError, NameNotFound
from shared.links.card import Card
from shared.links.kinds import decode
from shared.names import NamedNode, kept
from shared.names.kept import KeptName
from shared.names.memory import contact_for
from shared.node_id import NodeId
from shared.store import Store


def follow(store: Store, name: str) -> tuple[KeptName, Contact | None]:
    """Go with the node that a name leads to now, and move the contact that goes by it there.

    The contact's keys stay behind: they were agreed with the old node. So does what was allowed to it.
    Raises NameNotFound if nothing is held, InputError if the node is another contact's.
    """
    new = kept.follow(_held(store, name))
    contact = contact_for(store, new.answer.name)
    if contact is not None:
        card = card_of(new.answer)
        contact = msgspec.structs.replace(
            contact.with_another_node(),
            node=new.answer.node,
            sealing_key=card.sealing_key if card else None,
        )
    store.follow_name(new, contact)
    return new, contact


def stay(store: Store, name: str) -> KeptName:
    """Stay with the node that is known, and ask no more about this change. Raises NameNotFound if nothing is held."""
    old = kept.stay(_held(store, name))
    store.keep_name(old)
    return old


def card_of(answer: NamedNode) -> Card | None:
    """The contact card that a name's records had."""
    try:
        card = decode(answer.card) if answer.card else None
    except CopybaraError:
        return None
    return card if isinstance(card, Card) else None


def names_of(store: Store, node: NodeId) -> list[KeptName]:
    """The names that led to a node when they were looked up."""
    return [name for name in store.kept_names() if name.answer.node == node]


def _held(store: Store, name: str) -> KeptName:
    found = store.kept_name(name)
    if found is None or found.held is None:
        raise NameNotFound(*refusals.nothing_held(name))
    return found
