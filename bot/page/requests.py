"""What the page asks for is done, or refused with a sentence."""

from __future__ import annotations

from bot.assistant import contacts as book
from bot.assistant.assistant import Assistant
from bot.conversation import EVERYWHERE
from bot.page.explain import Explainer, refusal
from bot.page.presenter import Presenter
from bot.page.view import media
from bot.texts import chat as texts
from bot.texts import page as page_texts
from peer.calls.line import Line
from peer.calls.link_reader import LinkReader
from peer.calls.switchboard import Switchboard
from peer.handset.page import Page
from peer.handset.protocol import (
    Act,
    AddContact,
    Answer,
    Audible,
    Block,
    ConfirmWords,
    Decline,
    Done,
    Explain,
    FromPage,
    HangUp,
    Hello,
    MediaAnswer,
    Place,
    RemoveContact,
    RenameContact,
    SaveContact,
    SetMedia,
    SetTrust,
    WantOffer,
    Write,
)
from peer.media import HANDSET
from shared.config.schema import Calls
from shared.contacts import Trust
from shared.errors import CallOver, CallRefused, LocalProtocolError
from shared.links.kinds import Found, find
from shared.media import Media
from shared.messages import MediaState
from shared.store import Store


class PageRequests:
    """Does what the page wants."""

    def __init__(
        self,
        *,
        presenter: Presenter,
        assistant: Assistant,
        switchboard: Switchboard,
        store: Store,
        reader: LinkReader,
        settings: Calls,
    ) -> None:
        self._presenter = presenter
        self._assistant = assistant
        self._switchboard = switchboard
        self._lines = switchboard.lines
        self._store = store
        self._explainer = Explainer(reader, store, switchboard, settings=settings)

    async def hello(self) -> Hello:
        """Everything that there is to show."""
        return await self._presenter.hello()

    async def heard(self, page: Page, message: FromPage) -> None:
        """Do it. Raises CopybaraError with a sentence about why not."""
        sentence, call = "", None
        match message:
            case Audible():
                self._presenter.can_be_heard(page, message.on)
            case Explain():
                page.send(self._explainer.explain(message.text))
            case Act():
                sentence, call = await self._act(message)
            case Place():
                line = await self._assistant.place(
                    message.whom.strip(), media(message.media), chat=EVERYWHERE, endpoint=HANDSET
                )
                call = line.number
            case Answer():
                await self._switchboard.answer(self._line(message.call), media(message.media), endpoint=HANDSET)
            case Decline():
                self._switchboard.decline(self._line(message.call))
            case Block():
                sentence = texts.trust_set(self._assistant.block(self._line(message.call)), True).text
            case HangUp():
                self._switchboard.hang_up(self._line(message.call))
            case Write():
                self._write(self._line(message.call), message.text)
            case SetMedia():
                self._set_media(message)
            case MediaAnswer():
                if (endpoint := self._presenter.endpoint_of(message.call)) is not None:
                    endpoint.answered(message.leg, message.sdp)
            case WantOffer():
                if (endpoint := self._presenter.endpoint_of(message.call)) is not None:
                    endpoint.offer_again()
            case ConfirmWords():
                known = self._store.contact_of(self._line(message.call).peer)
                if known is None:
                    raise CallOver
                sentence = texts.confirmed(*book.confirm(self._store, known.name)).text
            case SaveContact():
                contact = self._assistant.save(message.name, book.Whom(self._line(message.call).peer))
                sentence = texts.contact_saved(contact, book.is_paired(self._store, contact)).text
            case AddContact():
                sentence = self._add_contact(message)
            case SetTrust():
                most = media(message.media) if message.media is not None else None
                known = book.named(self._store, message.name)
                contact = book.set_trust(
                    self._store, message.name, Trust(message.trust), most, known.hours, unproven=known.unproven
                )
                sentence = texts.trust_set(contact, book.is_paired(self._store, contact)).text
            case RenameContact():
                contact = self._store.rename_contact(message.name, message.new_name)
                self._switchboard.rename(contact.node, contact.name)
                sentence = texts.renamed(message.name, contact.name).text
            case RemoveContact():
                contact = self._store.remove_contact(message.name)
                self._switchboard.rename(contact.node, None)
                sentence = texts.removed(contact).text
        if isinstance(message, Block | SaveContact | AddContact | SetTrust | RenameContact | RemoveContact):
            self._presenter.book_changed()
        if message.id is not None and not isinstance(message, Explain):
            page.send(Done(id=message.id, sentence=sentence, call=call))

    def _line(self, number: int) -> Line:
        for line in self._lines:
            if line.number == number:
                return line
        raise CallOver()

    async def _act(self, message: Act) -> tuple[str, int | None]:
        link: Found | None = None
        if (looked := self._switchboard.look(message.text)) is not None:
            act = self._switchboard.read_classic if looked.page else self._switchboard.read_pasted
            reading = await act(looked.text, chat=EVERYWHERE)
        else:
            found = find(message.text)
            if not found:
                raise CallRefused(page_texts.NOTHING_THERE, "")
            link = found[0]
            reading = await self._switchboard.read(link.token, chat=EVERYWHERE)
        line = reading.line
        if line is None:
            if reading.reason is not None:
                raise CallRefused(refusal(reading.reason, link), "")
            return "", None
        return "", line.number

    def _write(self, line: Line, text: str) -> None:
        try:
            self._switchboard.write(line, text)
        except LocalProtocolError:
            raise CallRefused(*page_texts.NOT_CONNECTED) from None
        self._presenter.wrote(line, text, ours=True)

    def _set_media(self, message: SetMedia) -> None:
        line = self._line(message.call)
        if self._presenter.endpoint_of(line.number) is not None:
            self._switchboard.show_media(
                line,
                MediaState(
                    audio=message.audio and Media.AUDIO in line.media,
                    video=message.video and Media.VIDEO in line.media,
                    screen=message.screen and Media.VIDEO in line.media,
                ),
            )

    def _add_contact(self, message: AddContact) -> str:
        who = book.whom(message.whom.strip())
        if who is None:
            raise CallRefused(
                "That is neither a node id nor a contact card.", "Ask the other person for theirs; it is on their page."
            )
        name = message.name.strip() or (who.card.name if who.card else "")
        if not name:
            raise CallRefused("A contact needs a name.", "The card has none: choose one.")
        contact = self._assistant.save(name, who)
        return texts.contact_saved(contact, book.is_paired(self._store, contact)).text
