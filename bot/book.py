"""What the owner does with the contact book, in the chat and on the command line alike."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from bot import texts
from shared.card import Card
from shared.contacts import Contact, Hours, Trust, check_name
from shared.errors import InputError, NameNotFound
from shared.links import BadLink, decode, find
from shared.media import Media
from shared.node_id import TEXT_LENGTH, NodeId
from shared.store import Store


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody to save or to call: a node, and what their card says, if there is one."""

    node: NodeId
    card: Card | None = None


def whom(text: str) -> Whom | None:
    """Read a node id, or a card alone or inside a link; None if it is neither. Raises NodeIdError for a mistyped id."""
    for link in find(text):
        try:
            decoded = decode(link.token)
        except BadLink:
            continue
        if isinstance(decoded, Card):
            return Whom(decoded.node, decoded)
    if len(text) == TEXT_LENGTH:
        return Whom(NodeId.parse(text))
    return None


def add(store: Store, name: str, who: Whom, *, own: NodeId | None) -> Contact:
    """Save somebody under `name`, or add what their card says to the contact that is there.

    Raises InputError if the name or the node is another contact's, or the node our own.
    """
    name = check_name(name)
    if who.node == own:
        raise InputError("That is your own node.", "Ask the other person for theirs: /card shows it to them.")
    known = store.contact_of(who.node) or store.contact_named(name)
    if known is not None and (known.node != who.node or known.name != name):
        raise InputError(
            f"{known.name} is in your contacts already, with node {known.node.short}…",
            f"Choose another name, or rename: /contact rename {known.name} {name}",
        )
    contact = known or Contact(name=name, node=who.node, created=int(time.time()))
    if (card := who.card) is not None:
        contact = msgspec.structs.replace(
            contact,
            sealing_key=card.sealing_key,
            resolves_as=contact.resolves_as or ((card.resolves_as,) if card.resolves_as else ()),
            telegram_bot=contact.telegram_bot or card.telegram_bot or None,
            telegram_user=contact.telegram_user or card.telegram_user,
        )
    store.save_contact(contact)
    return contact


def set_trust(store: Store, name: str, trust: Trust, media: Media | None, hours: Hours | None = None) -> Contact:
    """Change what happens when a contact calls, and when: `media` None leaves what they may get, `hours` None means
    always. Raises NameNotFound.
    """
    contact = named(store, name)
    contact = msgspec.structs.replace(contact, trust=trust, media=media or contact.media, hours=hours)
    store.save_contact(contact)
    return contact


def named(store: Store, name: str) -> Contact:
    """The contact of that name. Raises NameNotFound."""
    contact = store.contact_named(name)
    if contact is None:
        raise NameNotFound(f"There is no contact called {texts.shown(name, 60)}.", "/contacts lists them.")
    return contact


def is_paired(store: Store, contact: Contact) -> bool:
    """Whether one link is enough to call them."""
    return store.writable_secret(contact.node) is not None
