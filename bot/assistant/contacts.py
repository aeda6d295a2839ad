"""What the owner does with the contact book, in the chat and on the command line alike."""

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
"What Telegram calls senders whom it doesn't show. Earlier versions took them for a contact's bot."


class Whom(msgspec.Struct, frozen=True):
    """Somebody to save or to call: a node, and what their card says, if there is one."""

    node: NodeId
    card: Card | None = None


def whom(text: str) -> Whom | None:
    """Read a node id, or a card alone or inside a link; None if it is neither.

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
    """Save somebody under `name`, or add what their card and the names that led to them say to the contact there.

    `agreed` is what was agreed in the call in which they are saved. What else was agreed with their node waits until
    the owner has confirmed its words: it may have been anyone at their address.
    Raises InputError if the name or the node is another contact's, or the node our own.
    """
    name = check_name(name)
    if who.node == own:
        raise OwnNode() if who.card is None else OwnNode("That is your own card.")
    known = store.contact_of(who.node) or store.contact_named(name)
    if known is not None and (known.node != who.node or name_key(known.name) != name_key(name)):
        raise InputError(*refusals.taken(known))
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
    """Add where a contact writes from, as far as nothing is known of it. `proven`: in a call that their key proves.

    Ids are who somebody is: one that is known is never changed, and the name follows it, for the old one may be
    somebody else's by now. What a call has taught that proved nothing lasts until another call like it teaches
    something else, or until the key proves the same.

    False if the key proves a call that came from elsewhere: one of the two was brought by somebody else, and nobody
    knows which. Then neither is kept, and the owner carries links until a later call shows more.
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
    """Whether somebody wrote from an account that is known as the contact's."""
    same_user = identity.user is not None and identity.user == contact.telegram_user
    return same_user or (identity.bot_id is not None and identity.bot_id == contact.telegram_bot_id)


def free_name(store: Store, wanted: str, node: NodeId) -> str:
    """A name for a new contact that nobody has: `wanted`, else its first word, else the node id's.

    Raises InputError if all that could be tried are taken.
    """
    words = (" ".join(wanted.split()), *wanted.split()[:1], node.short)
    for word in dict.fromkeys(filter(None, words)):
        for name in (word, *(f"{word}-{number}" for number in range(2, 10))):
            try:
                if store.imitated_by(check_name(name)) is not None:
                    break  # neither that name nor one that begins with it
                if store.contact_named(name) is None:
                    return name
            except InputError:
                break
    raise InputError(*refusals.NO_NAME_LEFT)


def name_on_card(store: Store, who: Whom) -> str:
    """What somebody is saved as when the owner gives no name: as they are saved, or by the name on their card."""
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
    """Change what happens when a contact calls, and when: `media` None leaves what they may get, `hours` None means
    always. `unproven`: their node id alone is enough until both sides share a key. `classic`: other programs' calls
    are answered too. `in_clear`: that was written where others can write in the owner's place. Raises NameNotFound.
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
    """Choose what a contact sees and hears; `default` is what is configured. Raises NameNotFound, InputError."""
    chosen = None if endpoint == DEFAULT_ENDPOINT else check_endpoint(endpoint)
    contact = msgspec.structs.replace(named(store, name), endpoint=chosen)
    store.save_contact(contact)
    return contact


def set_program(store: Store, name: str, program: str) -> Contact:
    """Choose which program calls to a contact are for. Raises NameNotFound."""
    contact = msgspec.structs.replace(named(store, name), program="" if program == "copybara" else program)
    store.save_contact(contact)
    return contact


def set_files(store: Store, name: str, *, always: bool) -> Contact:
    """Choose whether a contact's files are accepted without asking. Raises NameNotFound."""
    contact = msgspec.structs.replace(named(store, name), files=always)
    store.save_contact(contact)
    return contact


def named(store: Store, name: str) -> Contact:
    """The contact of that name. Raises NameNotFound."""
    contact = store.contact_named(name)
    if contact is None:
        raise NameNotFound(*refusals.no_contact(name, [each.name for each in store.contacts()]))
    return contact


def trust_shown(store: Store, shown: ShownContact | None, *, in_clear: bool) -> Contact:
    """Trust the contact that a button was shown for: nobody else, and no stranger; `in_clear` see set_trust.

    Raises NameNotFound if they were removed or renamed since, or if the button doesn't say who they are.
    """
    contact = store.contact_of(shown.node) if shown is not None else None
    if contact is None or ShownContact.of(contact) != shown:
        raise NameNotFound(*refusals.NOT_THAT_CONTACT)
    return set_trust(store, contact.name, Trust.AUTO, None, in_clear=in_clear)


def rename(store: Store, old: str, new: str, *, in_clear: bool = False) -> Contact:
    """Give a contact another name. Raises NameNotFound, or InputError if `new` can't be used, or if others can write
    there (`in_clear`) and the contact has a key: at the page their calls would prove that they are whom the name says.
    """
    contact = named(store, old)
    if in_clear and store.keyed(contact.node):
        raise InputError(*refusals.rename_elsewhere(contact, new))
    return store.rename_contact(contact.name, new)


def remove(store: Store, name: str, *, in_clear: bool = False) -> Contact:
    """Forget a contact. Raises NameNotFound, or InputError if others can write there (`in_clear`) and the contact has a
    key: their name would be free for another one, whom the page would then call by it.
    """
    contact = named(store, name)
    if in_clear and store.keyed(contact.node):
        raise InputError(*refusals.remove_elsewhere(contact))
    return store.remove_contact(contact.name)


def confirm(store: Store, name: str, words: str = "", *, in_clear: bool = False) -> tuple[Contact, str]:
    """The four words of a call in a contact's name were compared: take the key that was agreed in it.

    `words` say which call: without them none is taken, for the only one that waits may not be the one that the owner
    has compared. `in_clear` see set_trust. Returns the contact and the words. Raises NameNotFound, NothingToConfirm if
    no call with these words waits for that.
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
    # What is known of them may come from somebody else's calls.
    contact = msgspec.structs.replace(contact.with_accounts_unproven(), confirmed_in_clear=in_clear)
    store.save_contact(contact)
    return contact, phrase(found[0])


def compared(store: Store, node: NodeId) -> None:
    """The words of a call that the key of that node's contact proves were compared where nobody else can say so."""
    contact = store.contact_of(node)
    if contact is not None and contact.confirmed_in_clear:
        store.save_contact(msgspec.structs.replace(contact, confirmed_in_clear=False))


def renew(store: Store, name: str) -> Contact:
    """The contact may have a newer key than we do: the next call to them agrees on one. Raises NameNotFound."""
    contact = named(store, name)
    store.doubt_secrets(contact.node)
    return contact


def listed(store: Store) -> list[tuple[Contact, bool]]:
    """All contacts, and whether we share a key with each."""
    return [(contact, is_paired(store, contact)) for contact in store.contacts()]


def is_paired(store: Store, contact: Contact) -> bool:
    """Whether one link is enough to call them."""
    return store.writable_secret(contact.node) is not None
