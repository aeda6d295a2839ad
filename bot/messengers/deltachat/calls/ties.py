"""Says whose app a contact of the bot's account is, if the owner has said so.

A contact's key never changes in Delta Chat, so each encrypted message of a contact proves the same person. Only the
owner knows who that is. Their word ties the key to a contact in the book, and so to a node.
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
    """The contact with that key. None if the owner hasn't tied it."""
    for contact in contacts:
        if contact.deltachat_contact == number and fingerprint and contact.deltachat_key == fingerprint:
            return contact
    return None


def tie(store: Store, node: NodeId, number: int, fingerprint: str) -> Contact:
    """Tie that key to the contact with that node, and to no other. Raises NameNotFound if there is no such contact."""
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
    """Remove the tie of a contact. Raises NameNotFound if there is no such contact."""
    contact = store.contact_of(node)
    if contact is None:
        raise NameNotFound(*texts.NO_CONTACT)
    contact = msgspec.structs.replace(contact, deltachat_contact=None, deltachat_key="")
    store.save_contact(contact)
    return contact
