"""A new node id: how contacts learn ours, and how theirs is accepted, in the chat and on the command line."""

from __future__ import annotations

import secrets
import time

import msgspec

from bot.assistant import contacts as book
from bot.texts import refusals
from shared.contacts import Contact
from shared.errors import InputError
from shared.links.kinds import LONGEST_LIFETIME
from shared.links.moved import seal_move
from shared.node_id import NodeId
from shared.store import Store


def notice(store: Store, name: str, own: NodeId) -> tuple[Contact, str]:
    """The token of the notice that tells a contact our node id `own`. Nobody else can read it.

    Raises NameNotFound, and InputError if we share no key with them.
    """
    contact = book.named(store, name)
    secret = store.notice_secret(contact.node)
    if secret is None:
        raise InputError(*refusals.no_key_for_notice(contact))
    created = int(time.time())
    token = seal_move(own, created, secret=secret, nonce=secrets.token_bytes(12))
    store.announce_own(own)
    store.use_link(token.raw, ours=True, expires=created + LONGEST_LIFETIME)
    return contact, token.token


SHORTEST = 8
"How many characters of a node id are enough if only one was announced."


def accept(store: Store, name: str, node: str = "", *, in_clear: bool = False) -> Contact:
    """Accept the node in a contact's notice. `node` is its id as it was shown, or its beginning.

    If several were announced, one of them may be a thief's, so only a whole node id is accepted.

    The contact keeps the key that proved the notice. Their calls ring until the owner trusts them again, because nobody
    has talked to anyone at the new node. `in_clear` is that of set_trust: a thief of the key may have said so, and the
    owner compares words where nobody else can say that they match. Raises NameNotFound, and InputError if there is no
    notice, or the node belongs to another contact.
    """
    contact = book.named(store, name)
    if contact.announced is None:
        raise InputError(*refusals.nothing_announced(contact))
    announced = _meant(contact, contact.announced, node.lower())
    moved = msgspec.structs.replace(
        contact.with_nothing_allowed(),
        announced=None,
        announced_before=(),
        resolves_as=(),
        confirmed_in_clear=contact.confirmed_in_clear or in_clear,
    )
    store.move_contact(moved, announced)
    return msgspec.structs.replace(moved, node=announced)


def _meant(contact: Contact, announced: NodeId, node: str) -> NodeId:
    """The announced node that the owner accepts. Raises InputError."""
    if not contact.announced_before:
        if not node or (len(node) >= SHORTEST and str(announced).startswith(node)):
            return announced
        raise InputError(*refusals.other_node_announced(contact, announced))
    for each in (announced, *contact.announced_before):
        if str(each) == node:
            return each
    raise InputError(*refusals.several_nodes_announced(contact))
