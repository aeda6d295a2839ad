"""The owner's decisions about names of name systems: whether to follow a change, and which names are a contact's."""

from __future__ import annotations

import msgspec

from bot.texts import refusals
from shared.contacts import Contact
from shared.errors import CopybaraError, InputError, NameNotFound
from shared.links.card import Card
from shared.links.kinds import decode
from shared.names import NamedNode, kept
from shared.names.kept import KeptName
from shared.names.memory import contact_for
from shared.node_id import NodeId
from shared.store import Store


def follow(store: Store, name: str, *, in_clear: bool = False) -> tuple[KeptName, Contact | None]:
    """Follow a name to its new node, and move the contact with that name there.

    If only the card has changed, it replaces what the contact has from the old card, and nothing else changes.
    Otherwise the contact loses its keys, because they were agreed with the old node, and its permissions. Raises
    NameNotFound if there is no change to decide about, InputError if the node belongs to another contact, or if others
    can write there (`in_clear`) and a contact with a key would lose it: the page would show
    somebody else in their place.
    """
    old = _held(store, name)
    new = kept.follow(old)
    contact = contact_for(store, new.answer.name)
    if old.held is None:
        with store.transaction():
            store.keep_name(new)
            if contact is not None and contact.node == new.answer.node:
                store.save_contact(_with_card(contact, card_of(old.answer), card_of(new.answer)))
        return new, None
    if contact is not None:
        if in_clear and store.keyed(contact.node):
            raise InputError(*refusals.follow_elsewhere(contact, new.answer.name))
        card = card_of(new.answer)
        contact = msgspec.structs.replace(
            contact.with_nothing_allowed(),
            node=new.answer.node,
            sealing_key=card.sealing_key if card else None,
        )
    store.follow_name(new, contact)
    return new, contact


def stay(store: Store, name: str) -> KeptName:
    """Keep the known node and card, and don't ask about this change again.

    Raises NameNotFound if there is no change to decide about.
    """
    old = kept.stay(_held(store, name))
    store.keep_name(old)
    return old


def card_of(answer: NamedNode) -> Card | None:
    """The contact card in the name's records."""
    try:
        card = decode(answer.card) if answer.card else None
    except CopybaraError:
        return None
    return card if isinstance(card, Card) else None


def _with_card(contact: Contact, old: Card | None, new: Card | None) -> Contact:
    """The contact with the data of the new card, where it had the old card's data or nothing."""
    if new is None:
        return contact
    if contact.sealing_key in (None, old.sealing_key if old else None):
        contact = msgspec.structs.replace(contact, sealing_key=new.sealing_key)
    if contact.telegram_bot != new.telegram_bot and contact.telegram_bot in (None, old.telegram_bot if old else None):
        contact = msgspec.structs.replace(contact, telegram_bot=new.telegram_bot or None, telegram_bot_id=None)
    if contact.telegram_user in (None, old.telegram_user if old else None):
        contact = msgspec.structs.replace(contact, telegram_user=new.telegram_user or None)
    return contact


def names_of(store: Store, node: NodeId) -> list[KeptName]:
    """The names that led to a node when they were looked up."""
    return [name for name in store.kept_names() if name.answer.node == node]


def _held(store: Store, name: str) -> KeptName:
    found = store.kept_name(name)
    if found is None or (found.held is None and not found.new_card):
        raise NameNotFound(*refusals.nothing_held(name))
    return found
