"""Whose app a contact of the bot's account is, as far as the owner has said it.

A contact's key never changes in Delta Chat, so a message that came encrypted from a contact proves the same person each
time. Who that is only the owner knows: their word ties the key to a contact of the book, and so to a node.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bot.messengers.deltachat.calls import texts
from shared.contacts import Contact
from shared.errors import NameNotFound
from shared.node_id import NodeId
from shared.store import Store


def tied(contacts: Iterable[Contact], number: int, fingerprint: str) -> Contact | None:
    """Who has that key; None if the owner has said nothing of it."""
    for contact in contacts:
        if contact.deltachat_contact == number and fingerprint and contact.deltachat_key == fingerprint:
            return contact
    return None


def tie(store: Store, node: NodeId, number: int, fingerprint: str) -> Contact:
    """That key is the contact's with that node, and nobody else's. Raises NameNotFound if there is no such contact."""
    contact = store.contact_of(node)
    if contact is None:
        raise NameNotFound(*texts.NO_CONTACT)
    for other in store.contacts():
        if other.node != node and other.deltachat_contact == number:
            store.save_contact(msgspec.structs.replace(other, deltachat_contact=None, deltachat_key=""))
    contact = msgspec.structs.replace(contact, deltachat_contact=number, deltachat_key=fingerprint)
    store.save_contact(contact)
    return contact


def untie(store: Store, node: NodeId) -> Contact:
    """No key is that contact's any more. Raises NameNotFound if there is no such contact."""
    contact = store.contact_of(node)
    if contact is None:
        raise NameNotFound(*texts.NO_CONTACT)
    contact = msgspec.structs.replace(contact, deltachat_contact=None, deltachat_key="")
    store.save_contact(contact)
    return contact
