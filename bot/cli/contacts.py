"""`copybara contacts …`: the contact book on the command line. No copybara needs to run."""

from __future__ import annotations

import argparse
import asyncio

from bot.assistant import contacts as book
from bot.assistant import moving
from bot.cli.remote import say
from bot.home import Home
from bot.known_node import is_own
from bot.name_systems import system_names
from bot.settings import own_node, settings
from bot.terminal.streams import print_json, print_text
from bot.texts import contacts as contact_texts
from bot.texts import files as file_texts
from bot.texts import refusals
from bot.texts.as_typed import as_typed
from shared.contacts import MAX_NAME, Contact, Trust
from shared.errors import CopybaraError, InputError, NotRunning, OwnNode
from shared.media import Media
from shared.store import Store
from shared.typed import in_shell


def contacts(home: Home, options: argparse.Namespace) -> int:
    """Carry out one of the contacts commands. Raises InputError, StoreError."""
    home.prepare()
    if options.action == "add" and len(options.words) == 1 and len(options.words[0]) <= MAX_NAME:
        # This may be a stranger whom only the running copybara knows, from a call.
        name = options.words[0]
        try:
            return say(home, f"/contact add {name}", as_json=False)
        except NotRunning as error:
            error.hint = (
                f"With the card that they sent you: copybara contacts add {in_shell(name)} CARD. A name alone is "
                "enough for a stranger of your last call, while it runs: copybara start"
            )
            raise
    with Store(home.database) as store:
        if options.action == "list" and options.json:
            print_json([_as_dict(store, contact) for contact in store.contacts()])
        elif options.action == "show" and options.json:
            print_json(_as_dict(store, book.named(store, options.name)))
        else:
            names = [contact.name for contact in store.contacts()]
            try:
                said = _carry_out(home, store, options)
            except CopybaraError as error:
                error.hint = as_typed(error.hint, names)
                raise
            print_text(as_typed(said, [contact.name for contact in store.contacts()]))
    return 0


def _carry_out(home: Home, store: Store, options: argparse.Namespace) -> str:
    match options.action:
        case "list":
            lines = [contact_texts.contact_line(*each) for each in book.listed(store)]
            return "\n".join(lines) or contact_texts.no_contacts().text
        case "show":
            contact = book.named(store, options.name)
            return contact_texts.contact_details(contact, book.is_paired(store, contact)).text
        case "add":
            *words, card = options.words
            who = book.whom(card) or _named(home, store, card)
            if who is None:
                sentence, hint = refusals.NEITHER_NODE_NOR_CARD
                if words and len(card) <= MAX_NAME:
                    whole = in_shell(" ".join(options.words))
                    hint = f"If it belongs to the name, put the name in quotes: copybara contacts add {whole} CARD"
                raise InputError(sentence, hint)
            if _is_own(home, store, who):
                raise OwnNode
            contact = book.add(store, " ".join(words) or book.name_on_card(store, who), who, own=None)
            waiting = book.unconfirmed(store, contact)
            return contact_texts.contact_saved(contact, book.is_paired(store, contact), waiting).text
        case "trust":
            media = Media.parse(options.media) if options.media else None
            contact = book.set_trust(store, options.name, Trust.AUTO, media, unproven=options.unproven)
            return contact_texts.trust_set(contact, book.is_paired(store, contact)).text
        case "ring" | "block":
            contact = book.set_trust(store, options.name, Trust(options.action), None)
            return contact_texts.trust_set(contact, book.is_paired(store, contact)).text
        case "confirm":
            return contact_texts.confirmed(*book.confirm(store, options.name, " ".join(options.words))).text
        case "renew":
            return contact_texts.renewing(book.renew(store, options.name)).text
        case "tell":
            own = own_node(home, settings(home))
            return contact_texts.moved_in_chat(moving.notice(store, options.name, own)[1]).text
        case "move":
            return contact_texts.moved(moving.accept(store, options.name, options.node)).text
        case "endpoint":
            return contact_texts.endpoint_set(book.set_endpoint(store, options.name, options.endpoint)).text
        case "files":
            return file_texts.set_for(book.set_files(store, options.name, always=options.files == "always")).text
        case "rename":
            renamed = book.rename(store, options.old, options.new)
            return contact_texts.renamed(options.old, renamed).text
        case _:
            return contact_texts.removed(book.remove(store, options.name)).text


def _is_own(home: Home, store: Store, who: book.Whom) -> bool:
    """Whether this is the owner, as far as that is known without asking the overlay's node."""
    if who.card is not None and home.sealing_key.exists():
        own_key = home.load_sealing_key().public_key().public_bytes_raw()
        if who.card.sealing_key == own_key:
            return True
    return is_own(store, who.node)


def _named(home: Home, store: Store, name: str) -> book.Whom | None:
    """Look up a name in a name system. None if the name isn't such a name."""
    config = settings(home)
    answer = asyncio.run(system_names(config, store, config.overlay).resolve(name))
    return book.Whom(answer.node) if answer else None


def _as_dict(store: Store, contact: Contact) -> dict[str, object]:
    return {
        "name": contact.name,
        "node": str(contact.node),
        "trust": str(contact.trust),
        "unproven": contact.unproven,
        "media": contact.media.words,
        "hours": str(contact.hours) if contact.hours else None,
        "endpoint": contact.endpoint,
        "files": contact.files,
        "resolves_as": list(contact.resolves_as),
        "paired": book.is_paired(store, contact),
        "card": contact.sealing_key is not None,
        "created": contact.created,
    }
