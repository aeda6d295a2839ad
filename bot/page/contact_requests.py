"""Requests of a page that change the contact book."""

from __future__ import annotations

from bot.assistant import contacts as book
from bot.assistant.assistant import Assistant
from bot.kinds import Kind, Sentence
from bot.page.presenter import Presenter
from bot.page.view import media
from bot.texts import contacts as contact_texts
from bot.texts import devices as device_texts
from bot.texts import page as page_texts
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.handset.page import Page
from peer.handset.protocol import (
    AddContact,
    Block,
    ConfirmWords,
    RemoveContact,
    RenameContact,
    SaveContact,
    SetTrust,
)
from shared.contacts import Contact, Trust
from shared.errors import CallOver, CallRefused, HandsetError, InputError, NameNotFound, NothingToConfirm
from shared.media import Media
from shared.store import Store

ContactRequest = Block | SaveContact | AddContact | ConfirmWords | SetTrust | RenameContact | RemoveContact


class ContactRequests:
    """Carries out a page's requests about contacts."""

    def __init__(self, assistant: Assistant, presenter: Presenter, store: Store, lines: Lines) -> None:
        self._assistant = assistant
        self._presenter = presenter
        self._store = store
        self._lines = lines

    async def do(self, page: Page, message: ContactRequest) -> Sentence:
        """Carry out a request, update all pages, and return a sentence about it. Raises CopybaraError."""
        said = await self._do(page, message)
        await self._presenter.book_changed()
        self.tell_home(page, said)
        return said

    def tell_home(self, page: Page, said: Sentence) -> None:
        """Tell the owner in the chat and at home what a page on a device has changed. A device may be stolen."""
        if page.device:
            self._assistant.tell_done_at(page.device, said)
            self._presenter.changed_at(device_texts.done_at(page.device, said))

    async def _do(self, page: Page, message: ContactRequest) -> Sentence:
        match message:
            case Block():
                said = await self._assistant.block(self._lines.numbered(message.call))
                # This leaves out the node id, and the command that blocks it for good.
                return page_texts.SILENCED if said.kind == Kind.STRANGER_SILENCED else said
            case SaveContact():
                return await self._save(message)
            case AddContact():
                return await self._add(message)
            case ConfirmWords():
                return await self._confirm(page, self._lines.numbered(message.call), message.words)
            case SetTrust():
                return await self._set_trust(page, message)
            case RenameContact():
                return await self._rename(message)
            case RemoveContact():
                return await self._remove(message)

    async def _confirm(self, page: Page, line: Line, words: str) -> Sentence:
        """Confirm the key of a call after the owner has compared its words. Other calls may claim the same contact."""
        known = self._store.contact_of(line.peer)
        if known is not None and line.shown.quarantined:
            confirmed = await self._assistant.confirm_words(known.name, words, in_clear=bool(page.device))
            return contact_texts.confirmed(*confirmed)
        if words != line.shown.phrase:
            raise NothingToConfirm(*page_texts.OTHER_WORDS)
        await self._assistant.words_match(line, in_clear=bool(page.device))
        return page_texts.words_match(known, at_device=bool(page.device))

    async def _set_trust(self, page: Page, message: SetTrust) -> Sentence:
        most = media(message.media) if message.media is not None else None
        files = message.files

        def trust(store: Store) -> Contact:
            known = _shown(store, message.name, message.node)
            chosen = Trust(message.trust or known.trust)
            if page.device and _lets_in(known, chosen, most, files):
                raise InputError(*device_texts.ALLOWED_AT_HOME)
            if files is not None:
                known = book.set_files(store, known.name, always=files)
            return book.set_trust(
                store,
                known.name,
                chosen,
                most,
                known.hours,
                unproven=known.unproven,
                in_clear=known.trusted_in_clear and (message.trust is None or bool(page.device)),
            )

        contact = await self._assistant.write(trust)
        return contact_texts.trust_set(contact, book.is_paired(self._store, contact))

    async def _rename(self, message: RenameContact) -> Sentence:
        def rename(store: Store) -> Contact:
            return book.rename(store, _shown(store, message.name, message.node).name, message.new_name)

        return contact_texts.renamed(message.name, await self._assistant.write(rename))

    async def _remove(self, message: RemoveContact) -> Sentence:
        def remove(store: Store) -> Contact:
            return book.remove(store, _shown(store, message.name, message.node).name)

        return contact_texts.removed(await self._assistant.write(remove))

    async def _save(self, message: SaveContact) -> Sentence:
        """Save the other person of a call as a contact. The call may have ended, if it was the last that connected."""
        latest = self._lines.latest
        line = latest if latest is not None and latest.number == message.call else None
        if message.node:
            if (who := book.whom(message.node)) is None:
                raise CallOver
            met = line if line is not None and line.peer == who.node else None
            return self._saved(await self._assistant.save(message.name, who, met))
        line = self._lines.numbered(message.call)
        return self._saved(await self._assistant.save(message.name, book.Whom(line.peer), line))

    def _saved(self, contact: Contact) -> Sentence:
        paired = book.is_paired(self._store, contact)
        return page_texts.saved(contact, paired, bool(book.unconfirmed(self._store, contact)))

    async def _add(self, message: AddContact) -> Sentence:
        who = book.whom(message.whom.strip())
        if who is None:
            raise CallRefused(
                "That is neither a node id nor a contact card.", "Ask the other person for theirs; it is on their page."
            )
        name = message.name.strip()
        if not name and who.card is not None and who.card.name:
            name = book.name_on_card(self._store, who)
        if not name:
            raise CallRefused("A contact needs a name.", "The card has none: choose one.")
        contact = await self._assistant.save(name, who, after=_reference(message.reference))
        return self._saved(contact)


def _reference(written: str) -> bytes:
    """The reference of the ended call from which a person is saved, empty for none. Raises HandsetError."""
    try:
        return bytes.fromhex(written)
    except ValueError:
        raise HandsetError from None


def _lets_in(known: Contact, trust: Trust, most: Media | None, files: bool | None) -> bool:
    """Whether this change lets a contact do more without asking the owner."""
    wider = known.trust is not Trust.AUTO or (most is not None and most not in known.media)
    return (trust is Trust.AUTO and wider) or (files is True and not known.files)


def _shown(store: Store, name: str, node: str) -> Contact:
    """The contact that a page shows. Raises NameNotFound if no contact has that name and node."""
    contact = book.named(store, name)
    if str(contact.node) != node:
        raise NameNotFound(*page_texts.ANOTHER_CONTACT)
    return contact
