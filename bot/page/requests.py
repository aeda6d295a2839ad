"""Does what a page asks for, or says in a sentence why not."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.assistant import contacts as book
from bot.assistant.assistant import Assistant
from bot.assistant.file_commands import files_with
from bot.card_name import CardName
from bot.conversation import EVERYWHERE
from bot.kinds import Kind, Sentence
from bot.page.explain import Explainer, refusal
from bot.page.own_devices import OwnDevices
from bot.page.presenter import Presenter
from bot.page.uploads import Uploads
from bot.page.view import media
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import conversations as conversation_texts
from bot.texts import devices as device_texts
from bot.texts import files as file_texts
from bot.texts import page as page_texts
from bot.texts import refusals
from peer.calls.echo_calls import EchoCalls
from peer.calls.files import voice
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described
from peer.calls.line import Line
from peer.calls.link_reader import LinkReader
from peer.calls.switchboard import Switchboard
from peer.handset.page import Page, Pages
from peer.handset.protocol import (
    CLOSE_UNPROVEN,
    Act,
    AddContact,
    AddDevice,
    Answer,
    AnswerFile,
    AnswerQuestion,
    Audible,
    Block,
    CancelDevice,
    CancelFile,
    CancelUpload,
    ConfirmDevice,
    ConfirmWords,
    Decline,
    Done,
    Explain,
    FromPage,
    HangUp,
    Hello,
    Hold,
    LeaveVoice,
    MediaAnswer,
    Merge,
    Place,
    PlaceEcho,
    Record,
    RemoveContact,
    RemoveDevice,
    RenameContact,
    Resume,
    SaveContact,
    SaveFile,
    SeenChanges,
    SeenEnd,
    SendFile,
    SetMedia,
    SetName,
    SetTrust,
    TakeHere,
    WantOffer,
    Write,
)
from peer.handset.protocol import Said as SaidToPage
from peer.media import HANDSET
from shared.call.table import State
from shared.contacts import Contact, Trust
from shared.errors import (
    CallOver,
    CallRefused,
    CopybaraError,
    HandsetError,
    InputError,
    LocalProtocolError,
    NameNotFound,
    NothingToConfirm,
)
from shared.links.kinds import Found, find
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.store import Store

_CHANGES_THE_BOOK = Block | SaveContact | AddContact | ConfirmWords | SetTrust | RenameContact | RemoveContact


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
        self._devices = devices
        self._echo = echo
        self._uploads = Uploads(shelf)
        self._shelf = shelf
        self._card_name = card_name
        self._presenter = presenter
        self._pages = pages
        self._assistant = assistant
        self._switchboard = switchboard
        self._lines = switchboard.lines
        self._store = store
        self._explainer = Explainer(reader, store, switchboard)
        pages.when_carrier_removed(self._end_carried)

    async def hello(self, page: Page) -> Hello:
        """Everything that a new page needs."""
        return await self._presenter.hello(page)

    async def heard(self, page: Page, message: FromPage) -> None:
        """Carry out a page's request, or show why that failed.

        Raises HandsetError for a message that our page never sends.
        """
        try:
            await self._do(page, message)
        except HandsetError:
            raise
        except CopybaraError as error:
            page.problem(error, page_texts.hint(error), about=message.id)

    def took(self, page: Page, data: bytes) -> None:
        """Take the next piece of a file from a page. Raises HandsetError for something that our page never sends."""
        self._uploads.take(page, data)

    def left(self, page: Page) -> None:
        """Note that a page has gone. Its incomplete files are dropped."""
        self._uploads.left(page)

    async def _do(self, page: Page, message: FromPage) -> None:
        said: Sentence | None = None
        call: int | None = None
        address = ""
        self._switchboard.look_at_book()
        match message:
            case Audible():
                self._presenter.can_be_heard(page, message.on)
            case Explain():
                page.send(msgspec.structs.replace(self._explainer.explain(message.text), id=message.id))
            case Act():
                call, said = await self._act(message)
            # A page gets sound and picture only when its request is sure to succeed, and before anything of it is
            # shown. So a refused request moves no call, and nothing opens at another page.
            case Place():
                line = await self._assistant.place(
                    self._whom(message),
                    media(message.media),
                    chat=EVERYWHERE,
                    endpoint=HANDSET,
                    begins=lambda: self._begins(page),
                )
                call = line.number
            case PlaceEcho():
                placing = self._echo.place(media(message.media), HANDSET, begins=lambda: self._begins(page))
                call = (await placing).number
            case Answer():
                line = self._line(message.call)
                await self._switchboard.answer(line, media(message.media), endpoint=HANDSET, instead=message.instead)
                self._pages.take(page)
            case TakeHere():
                self._line(message.call)
                self._pages.take(page)
            case Decline():
                self._switchboard.decline(self._line(message.call))
            case Block():
                said = await self._assistant.block(self._line(message.call))
                if said.kind == Kind.STRANGER_SILENCED:
                    said = page_texts.SILENCED  # this leaves out the node id, and the command that blocks it for good
            case HangUp(words_differ=True):
                await self._assistant.words_differ(self._line(message.call))
                await self._presenter.book_changed()
            case HangUp():
                self._switchboard.hang_up(self._line(message.call))
            case Hold():
                await self._switchboard.hold(self._line(message.call))
            case Resume():
                line = self._line(message.call)
                await self._switchboard.resume(line, swap=True, begins=lambda: self._pages.take(page))
            case Record():
                await self._record(message)
            case Merge():
                await self._switchboard.together.merge()
                self._pages.take(page)
            case AnswerQuestion():
                said = await self._answer_question(page, message)
            case Write():
                self._write(self._line(message.call), message.text)
            case SetMedia() if page is self._pages.current:
                self._set_media(message)
            case MediaAnswer() if page is self._pages.current:
                if (endpoint := self._presenter.endpoint_of(message.call)) is not None:
                    endpoint.answered(message.leg, message.sdp)
            case WantOffer() if page is self._pages.current:
                if (endpoint := self._presenter.endpoint_of(message.call)) is not None:
                    endpoint.offer_again()
            case SendFile():
                await self._send_file(page, message)
                return
            case LeaveVoice():
                await self._leave_voice(page, message)
                return
            case CancelUpload():
                self._uploads.cancel(page, message.upload)
            case AnswerFile():
                files = files_with(self._switchboard, message.file)
                (files.accept if message.accept else files.decline)(message.file)
            case CancelFile():
                files_with(self._switchboard, message.file).cancel(message.file)
            case SaveFile():
                address = self._presenter.save_address(message.file, recording=message.recording)
            case ConfirmWords():
                said = await self._confirm(page, self._line(message.call), message.words)
            case SetName():
                said = page_texts.card_named(await self._card_name.change(message.name))
                self._presenter.card_changed()
            case SaveContact():
                said = await self._save_contact(message)
            case AddContact():
                said = await self._add_contact(message)
            case SetTrust():
                said = await self._set_trust(page, message)
            case RenameContact():
                said = await self._rename(message)
            case RemoveContact():
                said = await self._remove(message)
            case AddDevice() | ConfirmDevice() | CancelDevice() | RemoveDevice():
                said = await self._devices.do(page, message)
            case SeenChanges() if not page.device:
                self._presenter.seen_changes()
            case SeenEnd():
                self._presenter.seen_end(message.call)
        if isinstance(message, _CHANGES_THE_BOOK):
            await self._presenter.book_changed()
            if page.device and said is not None:
                self._assistant.tell_done_at(page.device, said)
                self._presenter.changed_at(device_texts.done_at(page.device, said))
        if message.id is not None and not isinstance(message, Explain):
            said = said or Sentence("", "")
            page.send(Done(id=message.id, kind=said.kind, sentence=said.sentence, call=call, address=address))

    def _end_carried(self) -> None:
        """End the calls whose sound and picture were at a device that was removed.

        Calls on hold have nothing there.
        """
        for line in tuple(self._lines):
            if line.number in self._pages.calls and not line.on_hold:
                self._switchboard.hang_up(line)

    def _begins(self, page: Page) -> None:
        """Give sound and picture to a page, because its request is being carried out.

        Raises CallRefused if its device was removed.
        """
        if page.close_code == CLOSE_UNPROVEN:
            raise CallRefused("This isn't one of your devices any more.", "")
        self._pages.take(page)

    def _whom(self, message: Place) -> str:
        """The contact that a page wants to call, even if it was renamed meanwhile.

        Raises NameNotFound.
        """
        if message.node and self._store.contact_of(NodeId.parse(message.node)) is None and message.whom != message.node:
            raise NameNotFound(*page_texts.ANOTHER_CONTACT)
        return message.node or message.whom.strip()

    def _line(self, number: int) -> Line:
        for line in self._lines:
            if line.number == number:
                return line
        raise CallOver()

    async def _act(self, message: Act) -> tuple[int | None, Sentence | None]:
        """Act on a link that was pasted into the page.

        Returns the number of its call, and a sentence if the page doesn't otherwise show what has happened. Raises
        CopybaraError.
        """
        link: Found | None = None
        rang = {line.number for line in self._lines if line.call.state is State.RINGING}
        if (looked := self._switchboard.foreign.look(message.text)) is not None:
            foreign = self._switchboard.foreign
            act = foreign.read_link if looked.page else foreign.read_pasted
            reading = await act(looked.text, chat=EVERYWHERE)
        else:
            found = find(message.text)
            if not found:
                raise CallRefused(page_texts.NOTHING_THERE, "")
            link = found[0]
            reading = await self._switchboard.admission.read(link.token, chat=EVERYWHERE)
        line = reading.line
        if (moved := reading.moved) is not None and (node := reading.moved_to) is not None:
            if moved.other_announced(node):
                raise CallRefused(*refusals.several_nodes_announced(moved))
            await self._assistant.move(moved.name, str(node))
            await self._presenter.book_changed()
            return None, None
        if line is None:
            if (clock := reading.other_clock) is not None:
                raise CallRefused(texts.clocks_differ(clock.contact, clock.ahead, sure=clock.ahead > 0).text, "")
            if reading.reason is not None:
                raise CallRefused(refusal(reading.reason, link), "")
            return None, None
        return line.number, page_texts.took_back(line) if line.number in rang else None

    async def _answer_question(self, page: Page, message: AnswerQuestion) -> Sentence | None:
        line, together = self._line(message.call), self._switchboard.together
        if message.question != self._presenter.question(line):
            raise CallRefused(*page_texts.ASKS_ANOTHER_THING)
        if message.agrees:
            await together.agree(line)
            self._pages.take(page)
            return conversation_texts.AGREED
        if self._presenter.shows_own_question(line):
            await together.take_back()  # its result arrives as news
            return None
        await together.refuse(line)
        return conversation_texts.REFUSED

    async def _record(self, message: Record) -> None:
        recording = self._switchboard.recording(self._line(message.call))
        match message.what:
            case "start":
                await recording.start()
            case "stop":
                recording.stop()
            case "refuse":
                recording.refuse()

    async def _send_file(self, page: Page, message: SendFile) -> None:
        """Take a file from the page. Replies once bytes can come, and returns once the file is offered."""
        files, name = self._switchboard.files(self._line(message.call)), message.name
        meant = files.meant()

        async def offer(path: Path, described: Described) -> None:
            await files.send_copy(path, name, described, meant)

        await self._uploads.receive(page, message, ready=files.ready, offer=offer)

    async def _leave_voice(self, page: Page, message: LeaveVoice) -> None:
        contact = self._store.contact_of(NodeId.parse(message.node))
        if contact is None:
            raise NameNotFound(*page_texts.ANOTHER_CONTACT)
        keyed, suffix = self._store.keyed(contact.node), f".{message.form}"

        async def ready() -> None:
            voice.check(self._shelf, contact, message.size, keyed=keyed)

        async def keep(path: Path, described: Described) -> None:
            await voice.leave(self._shelf, contact, path, described, suffix, keyed=keyed, spooled=True)
            self._switchboard.left_for(contact.node)
            said = file_texts.message_kept(contact)
            page.send(SaidToPage(call=message.call, kind=said.kind, sentence=said.sentence))

        upload = SendFile(id=message.id, call=message.call, name="The voice message", size=message.size)
        await self._uploads.receive(page, upload, ready=ready, offer=keep)

    def _write(self, line: Line, text: str) -> None:
        try:
            self._switchboard.write(line, text)
        except LocalProtocolError:
            raise CallRefused(*page_texts.NOT_CONNECTED) from None
        self._presenter.wrote(line, text, ours=True)

    def _set_media(self, message: SetMedia) -> None:
        line = self._line(message.call)
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

    async def _confirm(self, page: Page, line: Line, words: str) -> Sentence:
        """The owner has compared the words of this call. Other calls may have claimed to be from the same contact."""
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

    async def _save_contact(self, message: SaveContact) -> Sentence:
        """Save the person of a call as a contact. The call may be over, if it was the last one that connected."""
        latest = self._lines.latest
        line = latest if latest is not None and latest.number == message.call else None
        if message.node:
            if (who := book.whom(message.node)) is None:
                raise CallOver
            met = line if line is not None and line.peer == who.node else None
            return self._saved(await self._assistant.save(message.name, who, met))
        line = self._line(message.call)
        return self._saved(await self._assistant.save(message.name, book.Whom(line.peer), line))

    def _saved(self, contact: Contact) -> Sentence:
        paired = book.is_paired(self._store, contact)
        return page_texts.saved(contact, paired, bool(book.unconfirmed(self._store, contact)))

    async def _add_contact(self, message: AddContact) -> Sentence:
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
    """The reference of the ended call from which somebody is saved. Empty: none. Raises HandsetError."""
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
