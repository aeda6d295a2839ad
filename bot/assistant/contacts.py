"""The owner's changes to the contact book, in the chat and on the command line."""

from __future__ import annotations

import secrets
import time

import msgspec

from bot.assistant import contact_names as name_book
from bot.conversation import Identity
from bot.shown_contact import ShownContact
from bot.texts import refusals
from peer.media import check_endpoint
from shared.contacts import ENTRY_BYTES, Contact, Hours, Trust, check_name, name_key
from shared.errors import InputError, NameNotFound, NothingToConfirm, OwnNode
from shared.links.card import Card
from shared.links.kinds import BadLink, decode, find
from shared.links.node_ids import node_in
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.phrase import phrase
from shared.store import Store
from shared.store.store import NOTHING_AGREED, Agreed

DEFAULT_ENDPOINT = "default"

STAND_INS = ("GroupAnonymousBot", "Channel_Bot")
"Telegram's names for senders whom it doesn't show. Earlier versions took them for a contact's bot."


class Whom(msgspec.Struct, frozen=True):
    """A person to save or to call: a node, and the data of their card, if there is one."""

    node: NodeId
    card: Card | None = None


def whom(text: str) -> Whom | None:
    """Read a node id, or a card alone or inside a link. None if the text is neither.

    Raises NodeIdError for a mistyped id, InputError for a link that begins or answers a call.
    """
    is_link = False
    for link in find(text):
        try:
            decoded = decode(link.token)
        except BadLink:
            continue
        if isinstance(decoded, Card):
            return Whom(decoded.node, decoded)
        is_link = True
    if (node := node_in(text)) is not None:
        return Whom(node)
    if is_link:
        raise InputError(*refusals.A_LINK)
    return None


def add(store: Store, name: str, who: Whom, *, own: NodeId | None, agreed: Agreed = NOTHING_AGREED) -> Contact:
    """Save somebody under `name`.

    If they are a contact already, add the data of their card and of the names that led to them.

    `agreed` are the secrets of the call from which they are saved. Other secrets that were agreed with their node are
    quarantined until the owner confirms their words, because anyone may have been at that address. Raises InputError if
    the name or the node belongs to another contact, or the node is our own.
    """
    name = check_name(name)
    if who.node == own:
        raise OwnNode() if who.card is None else OwnNode("That is your own card.")
    known = store.contact_of(who.node) or store.contact_named(name)
    if known is not None and (known.node != who.node or name_key(known.name) != name_key(name)):
        raise InputError(*refusals.taken(known, is_name=known.node != who.node))
    contact = known or Contact(
        name=name, node=who.node, created=int(time.time()), entry=secrets.token_bytes(ENTRY_BYTES)
    )
    if (card := who.card) is not None:
        if card.telegram_bot or card.telegram_user:
            contact = contact.without_unproven()
        contact = msgspec.structs.replace(
            contact,
            sealing_key=card.sealing_key,
            resolves_as=contact.resolves_as or ((card.resolves_as,) if card.resolves_as else ()),
            telegram_bot=contact.telegram_bot or card.telegram_bot or None,
            telegram_user=contact.telegram_user or card.telegram_user,
        )
    for kept in name_book.names_of(store, who.node):
        card = name_book.card_of(kept.answer)
        contact = msgspec.structs.replace(
            contact,
            resolves_as=tuple(dict.fromkeys((*contact.resolves_as, kept.answer.name))),
            sealing_key=contact.sealing_key or (card.sealing_key if card else None),
            telegram_bot=contact.telegram_bot or (card.telegram_bot if card else None) or None,
            telegram_user=contact.telegram_user or (card.telegram_user if card else None),
        )
    store.add_contact(contact, agreed=agreed)
    return contact


def unconfirmed(store: Store, contact: Contact) -> list[str]:
    """The words of the calls in a contact's name that the owner may confirm, newest first."""
    return [phrase(secret) for secret in store.quarantined_secrets(contact.node)]


def learn(store: Store, contact: Contact, identity: Identity, *, proven: bool) -> bool:
    """Store the accounts from which a contact writes, if they aren't known.

    `proven`: the contact's key proves the call.

    A known id is never changed, because it identifies the person. Its user name is updated, because the old name may
    belong to somebody else by now. What an unproven call has taught is kept until another unproven call differs, or
    until the key proves it.

    Returns False if the key proves a call from a different account: somebody else brought one of the two links, and
    nobody knows which. Then neither account is kept, and the owner carries links until a later call shows more.
    """
    learned = contact
    if proven and contact != contact.without_unproven() and not _is_from(identity, contact):
        store.save_contact(contact.without_unproven())
        return False
    user_open = learned.telegram_user is None or learned.telegram_user_unproven
    if identity.user is not None and (user_open or learned.telegram_user == identity.user):
        learned = msgspec.structs.replace(
            learned,
            telegram_user=identity.user,
            telegram_name=identity.name,
            telegram_user_unproven=user_open and not proven,
        )
    known_bot = None if learned.telegram_bot in STAND_INS else learned.telegram_bot
    bot_open = known_bot is None or learned.telegram_bot_unproven
    if identity.bot is not None and (
        bot_open or learned.telegram_bot_id == identity.bot_id or (known_bot or "").lower() == identity.bot.lower()
    ):
        learned = msgspec.structs.replace(
            learned,
            telegram_bot=identity.bot,
            telegram_bot_id=identity.bot_id,
            telegram_bot_unproven=bot_open and not proven,
        )
    elif known_bot is None:
        learned = msgspec.structs.replace(learned, telegram_bot=None)
    if learned != contact:
        store.save_contact(learned)
    return True


def _is_from(identity: Identity, contact: Contact) -> bool:
    """Whether the message came from an account that is known to be the contact's."""
    same_user = identity.user is not None and identity.user == contact.telegram_user
    return same_user or (identity.bot_id is not None and identity.bot_id == contact.telegram_bot_id)


def free_name(store: Store, wanted: str, node: NodeId) -> str:
    """A free name for a new contact: `wanted`, or its first word, or the beginning of the node id.

    Raises InputError if all of them are taken.
    """
    words = (" ".join(wanted.split()), *wanted.split()[:1], node.short)
    for word in dict.fromkeys(filter(None, words)):
        for name in (word, *(f"{word}-{number}" for number in range(2, 10))):
            try:
                if store.imitated_by(check_name(name)) is not None:
                    break  # that name is taken, and so are names that begin with it
                if store.contact_named(name) is None:
                    return name
            except InputError:
                break
    raise InputError(*refusals.NO_NAME_LEFT)


def name_on_card(store: Store, who: Whom) -> str:
    """The name for somebody whom the owner saves without a name: their present name, or the name on their card."""
    known = store.contact_of(who.node)
    return known.name if known else free_name(store, who.card.name if who.card else "", who.node)


def set_trust(
    store: Store,
    name: str,
    trust: Trust,
    media: Media | None,
    hours: Hours | None = None,
    *,
    unproven: bool = False,
    classic: bool = False,
    in_clear: bool = False,
) -> Contact:
    """Change what happens when a contact calls, and when. Raises NameNotFound.

    `media` None leaves their media unchanged; `hours` None means always. `unproven`: their node id alone is enough
    until both sides share a key. `classic`: other programs' calls are answered too. `in_clear`: the command came from a
    place where others can write instead of the owner.
    """
    contact = named(store, name)
    contact = msgspec.structs.replace(
        contact,
        trust=trust,
        media=media or contact.media,
        hours=hours,
        unproven=unproven and trust is Trust.AUTO,
        classic=trust is Trust.AUTO and (classic or contact.classic),
        trusted_in_clear=in_clear,
    )
    store.save_contact(contact)
    return contact


def set_endpoint(store: Store, name: str, endpoint: str) -> Contact:
    """Choose what a contact sees and hears. `default` is the configured endpoint. Raises NameNotFound, InputError."""
    chosen = None if endpoint == DEFAULT_ENDPOINT else check_endpoint(endpoint)
    contact = msgspec.structs.replace(named(store, name), endpoint=chosen)
    store.save_contact(contact)
    return contact


def set_program(store: Store, name: str, program: str) -> Contact:
    """Choose the program for which calls to a contact are made. Raises NameNotFound."""
    contact = msgspec.structs.replace(named(store, name), program="" if program == "copybara" else program)
    store.save_contact(contact)
    return contact


def set_files(store: Store, name: str, *, always: bool, in_clear: bool = False) -> Contact:
    """Choose whether a contact's files are accepted without asking. Raises NameNotFound, InputError.

    Raises InputError if others can write there (`in_clear`) and files are to be accepted: a contact of
    theirs would fill the folder of files, with nobody asked.
    """
    contact = named(store, name)
    if in_clear and always:
        raise InputError(*refusals.files_in_clear(contact))
    contact = msgspec.structs.replace(contact, files=always)
    store.save_contact(contact)
    return contact


def named(store: Store, name: str) -> Contact:
    """The contact with that name. Raises NameNotFound."""
    contact = store.contact_named(name)
    if contact is None:
        raise NameNotFound(*refusals.no_contact(name, [each.name for each in store.contacts()]))
    return contact


def trust_shown(store: Store, shown: ShownContact | None, *, in_clear: bool) -> Contact:
    """Trust the contact for whom a button was shown, and nobody else. `in_clear` is that of set_trust.

    Raises NameNotFound if they were removed or renamed since, or if the button doesn't say who they are.
    """
    contact = store.contact_of(shown.node) if shown is not None else None
    if contact is None or ShownContact.of(contact) != shown:
        raise NameNotFound(*refusals.NOT_THAT_CONTACT)
    return set_trust(store, contact.name, Trust.AUTO, None, in_clear=in_clear)


def rename(store: Store, old: str, new: str, *, in_clear: bool = False) -> Contact:
    """Rename a contact. Raises NameNotFound, InputError.

    Raises InputError if `new` can't be used, or if others can write there (`in_clear`) and the contact has a key: the
    page would then show their proven calls under the wrong name.
    """
    contact = named(store, old)
    if in_clear and store.keyed(contact.node):
        raise InputError(*refusals.rename_elsewhere(contact, new))
    return store.rename_contact(contact.name, new)


def remove(store: Store, name: str, *, in_clear: bool = False) -> Contact:
    """Delete a contact. Raises NameNotFound, InputError.

    Raises InputError if others can write there (`in_clear`) and the contact has a key: their name would be free for
    another person, whom the page would then show under it.
    """
    contact = named(store, name)
    if in_clear and store.keyed(contact.node):
        raise InputError(*refusals.remove_elsewhere(contact))
    return store.remove_contact(contact.name)


def confirm(store: Store, name: str, words: str = "", *, in_clear: bool = False) -> tuple[Contact, str]:
    """The owner has compared the four words of a call in a contact's name. Accept the key that was agreed in it.

    `words` identify the call. Without them no key is accepted, because the only one that waits may not be the one whose
    words the owner has compared. `in_clear` is that of set_trust. Returns the contact and the words. Raises
    NameNotFound, and NothingToConfirm if no call with these words waits.
    """
    contact = named(store, name)
    waiting = store.quarantined_secrets(contact.node)
    wanted = " ".join(words.lower().split())
    if waiting and not wanted:
        raise NothingToConfirm(*refusals.which_words(contact, unconfirmed(store, contact)))
    found = [secret for secret in waiting if phrase(secret) == wanted]
    if waiting and not found:
        raise NothingToConfirm(*refusals.other_words(contact))
    if not found or not store.confirm_secret(contact.node, found[0]):
        raise NothingToConfirm(*refusals.nothing_to_confirm(contact))
    # Their known accounts may come from somebody else's calls.
    contact = msgspec.structs.replace(contact.with_accounts_unproven(), confirmed_in_clear=in_clear)
    store.save_contact(contact)
    return contact, phrase(found[0])


def compared(store: Store, node: NodeId) -> None:
    """Note that the words of a proven call with that node's contact were compared, where nobody else can say so."""
    contact = store.contact_of(node)
    if contact is not None and contact.confirmed_in_clear:
        store.save_contact(msgspec.structs.replace(contact, confirmed_in_clear=False))


def renew(store: Store, name: str) -> Contact:
    """Doubt our key of a contact, because theirs may be newer: the next call agrees on a new one.

    Raises NameNotFound.
    """
    contact = named(store, name)
    store.doubt_secrets(contact.node)
    return contact


def listed(store: Store) -> list[tuple[Contact, bool]]:
    """All contacts, each with whether we share a key."""
    return [(contact, is_paired(store, contact)) for contact in store.contacts()]


def is_paired(store: Store, contact: Contact) -> bool:
    """Whether one link is enough to call them."""
    return store.writable_secret(contact.node) is not None
