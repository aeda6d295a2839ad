"""Does what a page asks for, or says in a sentence why not."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bot.assistant.assistant import Assistant
from bot.card_name import CardName
from bot.kinds import Sentence
from bot.page.call_requests import Beginning, CallRequest, CallRequests
from bot.page.contact_requests import ContactRequest, ContactRequests
from bot.page.explain import Explainer
from bot.page.file_requests import FileRequest, FileRequests, Upload
from bot.page.own_devices import DeviceRequest, OwnDevices
from bot.page.presenter import Presenter
from bot.texts import page as page_texts
from peer.calls.echo_calls import EchoCalls
from peer.calls.files.shelf import FileShelf
from peer.calls.link_reader import LinkReader
from peer.calls.switchboard import Switchboard
from peer.handset.page import Page, Pages
from peer.handset.protocol import (
    Audible,
    Done,
    Explain,
    FromPage,
    Hello,
    MediaAnswer,
    SeenChanges,
    SeenEnd,
    SetMedia,
    SetName,
    WantOffer,
)
from shared.errors import CopybaraError, HandsetError
from shared.media import Media
from shared.messages import MediaState
from shared.store import Store

MediaRequest = SetMedia | MediaAnswer | WantOffer
"Messages that count only from the page with the call's sound and picture. From another page they come too late."


class _Outcome(NamedTuple):
    call: int | None = None
    sentence: Sentence | None = None
    address: str = ""


class PageRequests:
    """Carries out the requests of all pages."""

    def __init__(
        self,
        *,
        presenter: Presenter,
        pages: Pages,
        assistant: Assistant,
        switchboard: Switchboard,
        store: Store,
        reader: LinkReader,
        echo: EchoCalls,
        card_name: CardName,
        devices: OwnDevices,
        shelf: FileShelf,
    ) -> None:
        self._presenter = presenter
        self._pages = pages
        self._switchboard = switchboard
        self._card_name = card_name
        self._explainer = Explainer(reader, store, switchboard)
        self._contacts = ContactRequests(assistant, presenter, store, switchboard.lines)
        self._calls = CallRequests(
            assistant, switchboard, echo, presenter, pages, store, tell_home=self._contacts.tell_home
        )
        self._files = FileRequests(switchboard, presenter, store, shelf)
        self._devices = devices

    async def hello(self, page: Page) -> Hello:
        """Everything that a new page needs."""
        return await self._presenter.hello(page)

    async def heard(self, page: Page, message: FromPage) -> None:
        """Carry out a page's request, or show why that failed.

        Raises HandsetError for a message that our page never sends.
        """
        try:
            self._switchboard.look_at_book()
            if isinstance(message, Explain):
                page.send(msgspec.structs.replace(self._explainer.explain(message.text), id=message.id))
            elif isinstance(message, Upload):
                await self._files.take(page, message)
            else:
                call, said, address = await self._do(page, message)
                if message.id is not None:
                    said = said or Sentence("", "")
                    done = Done(message.id, kind=said.kind, sentence=said.sentence, call=call, address=address)
                    page.send(done)
        except HandsetError:
            raise
        except CopybaraError as error:
            page.problem(error, page_texts.hint(error), about=message.id)

    def took(self, page: Page, data: bytes) -> None:
        """Take the next piece of a file from a page. Raises HandsetError for something that our page never sends."""
        self._files.uploads.take(page, data)

    def left(self, page: Page) -> None:
        """Note that a page has gone. Its incomplete files are dropped."""
        self._files.uploads.left(page)

    async def _do(self, page: Page, message: FromPage) -> _Outcome:
        if isinstance(message, Beginning):
            return _Outcome(*await self._calls.begin(page, message))
        if isinstance(message, CallRequest):
            return _Outcome(sentence=await self._calls.do(page, message))
        if isinstance(message, ContactRequest):
            return _Outcome(sentence=await self._contacts.do(page, message))
        if isinstance(message, DeviceRequest):
            return _Outcome(sentence=await self._devices.do(page, message))
        if isinstance(message, FileRequest):
            return _Outcome(address=self._files.do(page, message))
        if isinstance(message, MediaRequest):
            if page is self._pages.current:
                self._media(message)
            return _Outcome()
        return _Outcome(sentence=await self._about_page(page, message))

    async def _about_page(self, page: Page, message: FromPage) -> Sentence | None:
        match message:
            case Audible():
                self._presenter.can_be_heard(page, message.on)
            case SetName():
                said = page_texts.card_named(await self._card_name.change(message.name))
                self._presenter.card_changed()
                self._contacts.tell_home(page, said)  # others see that name
                return said
            case SeenChanges() if not page.device:
                self._presenter.seen_changes(message.changes)
            case SeenEnd():
                self._presenter.seen_end(message.call)
        return None

    def _media(self, message: MediaRequest) -> None:
        endpoint = self._presenter.endpoint_of(message.call)
        match message:
            case SetMedia():
                self._set_media(message)
            case MediaAnswer() if endpoint is not None:
                endpoint.answered(message.leg, message.sdp)
            case WantOffer() if endpoint is not None:
                endpoint.offer_again()

    def _set_media(self, message: SetMedia) -> None:
        line = self._switchboard.lines.numbered(message.call)
        if self._presenter.endpoint_of(line.number) is not None:
            if message.audio or message.video:
                self._switchboard.lines.turned_on(line)
            self._switchboard.lines.show_media(
                line,
                MediaState(
                    audio=message.audio and Media.AUDIO in line.media,
                    video=message.video and Media.VIDEO in line.media,
                    screen=message.screen and Media.VIDEO in line.media,
                    paused=message.paused and Media.VIDEO in line.media,
                ),
            )
