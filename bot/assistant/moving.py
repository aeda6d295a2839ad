"""A new node id: how contacts learn it, and how theirs is accepted. In the chat and at the command line alike."""

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
    """The notice that tells a contact our node id `own`: its token. Nobody else can read it.

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
"Characters of a node id that stand for it, where only one was announced."


def accept(store: Store, name: str, node: str = "") -> Contact:
    """Take the node that a contact's notice has announced: `node` as it was shown, or its beginning.

    If several were announced, one of them is a thief's: only a whole node id is taken then.

    The key that proved it goes along; what was automatic rings until the owner says so again, for nobody has spoken
    with anyone there. Raises NameNotFound, and InputError if there is no notice, or the node is another contact's.
    """
    contact = book.named(store, name)
    if contact.announced is None:
        raise InputError(*refusals.nothing_announced(contact))
    announced = _meant(contact, contact.announced, node.lower())
    moved = msgspec.structs.replace(contact.with_nothing_allowed(), announced=None, announced_before=(), resolves_as=())
    store.move_contact(moved, announced)
    return msgspec.structs.replace(moved, node=announced)


def _meant(contact: Contact, announced: NodeId, node: str) -> NodeId:
    """Which of the announced nodes the owner accepts. Raises InputError."""
    if not contact.announced_before:
        if not node or (len(node) >= SHORTEST and str(announced).startswith(node)):
            return announced
        raise InputError(*refusals.other_node_announced(contact, announced))
    for each in (announced, *contact.announced_before):
        if str(each) == node:
            return each
    raise InputError(*refusals.several_nodes_announced(contact))
