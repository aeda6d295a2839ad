"""Requests of a page about calls: place, answer, hold or end one, act on a link, merge, record."""

from __future__ import annotations

from collections.abc import Callable

from bot.assistant.assistant import Assistant
from bot.conversation import EVERYWHERE
from bot.kinds import Sentence
from bot.page.explain import refusal
from bot.page.presenter import Presenter
from bot.page.view import media
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import conversations as conversation_texts
from bot.texts import page as page_texts
from bot.texts import refusals
from peer.calls.echo_calls import EchoCalls
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from peer.handset.page import Page, Pages
from peer.handset.protocol import (
    CLOSE_UNPROVEN,
    Act,
    Answer,
    AnswerQuestion,
    Decline,
    HangUp,
    Hold,
    Merge,
    Place,
    PlaceEcho,
    Record,
    Resume,
    TakeHere,
    Write,
)
from peer.media import HANDSET
from shared.call.table import State
from shared.errors import CallRefused, LocalProtocolError, NameNotFound
from shared.links.kinds import Found, find
from shared.node_id import NodeId
from shared.store import Store

Beginning = Act | Place | PlaceEcho
"Requests that may begin a call."

CallRequest = Answer | TakeHere | Decline | HangUp | Hold | Resume | Record | Merge | AnswerQuestion | Write


class CallRequests:
    """Carries out a page's requests about calls.

    A page gets sound and picture only when its request is sure to succeed, and before anything of it is shown. So a
    refused request moves no call, and nothing opens at another page.
    """

    def __init__(
        self,
        assistant: Assistant,
        switchboard: Switchboard,
        echo: EchoCalls,
        presenter: Presenter,
        pages: Pages,
        store: Store,
        *,
        tell_home: Callable[[Page, Sentence], None],
    ) -> None:
        """`tell_home` is that of ContactRequests."""
        self._assistant = assistant
        self._switchboard = switchboard
        self._lines = switchboard.lines
        self._echo = echo
        self._presenter = presenter
        self._pages = pages
        self._store = store
        self._tell_home = tell_home
        pages.when_carrier_removed(self._end_carried)

    async def begin(self, page: Page, message: Beginning) -> tuple[int | None, Sentence | None]:
        """Begin a call, or act on a link.

        Returns the number of its call, and a sentence if the page doesn't otherwise show what has happened. Raises
        CopybaraError.
        """
        match message:
            case Act():
                return await self._act(page, message)
            case Place():
                line = await self._assistant.place(
                    self._whom(message),
                    media(message.media),
                    chat=EVERYWHERE,
                    endpoint=HANDSET,
                    begins=lambda: self._begins(page),
                )
            case PlaceEcho():
                line = await self._echo.place(media(message.media), HANDSET, begins=lambda: self._begins(page))
        return line.number, None

    async def do(self, page: Page, message: CallRequest) -> Sentence | None:
        """Carry out a request. Returns a sentence if there is something to say. Raises CopybaraError."""
        if isinstance(message, Merge):
            await self._switchboard.together.merge()
            self._pages.take(page)
            return None
        line = self._lines.numbered(message.call)
        match message:
            case Answer():
                await self._switchboard.answer(line, media(message.media), endpoint=HANDSET, instead=message.instead)
                self._pages.take(page)
            case TakeHere():
                self._pages.take(page)
            case Decline():
                self._switchboard.decline(line)
            case HangUp(words_differ=True):
                await self._assistant.words_differ(line)
                await self._presenter.book_changed()
                self._tell_home(page, texts.words_differ(line))
            case HangUp():
                self._switchboard.hang_up(line)
            case Hold():
                await self._switchboard.hold(line)
            case Resume():
                await self._switchboard.resume(line, swap=True, begins=lambda: self._pages.take(page))
            case Record():
                await self._record(line, message)
            case AnswerQuestion():
                return await self._answer_question(page, line, message)
            case Write():
                self._write(line, message.text)
        return None

    def _end_carried(self) -> None:
        """End the calls whose sound and picture were at a device that was removed.

        Calls on hold have no sound and picture there.
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

    async def _act(self, page: Page, message: Act) -> tuple[int | None, Sentence | None]:
        """Act on a link that was pasted into the page.

        Returns the number of its call, and a sentence if the page doesn't otherwise show what has happened. Raises
        CopybaraError.
        """
        link: Found | None = None
        rang = {line.number for line in self._lines if line.call.state is State.RINGING}
        if (looked := self._switchboard.foreign.look(message.text)) is not None:
            foreign = self._switchboard.foreign
            act = foreign.read_link if looked.page else foreign.read_pasted
            reading = await act(looked.text, chat=EVERYWHERE, by_hand=True)
        else:
            found = find(message.text)
            if not found:
                raise CallRefused(page_texts.NOTHING_THERE, "")
            link = found[0]
            reading = await self._switchboard.admission.read(link.token, chat=EVERYWHERE, by_hand=True)
        line = reading.line
        if (moved := reading.moved) is not None and (node := reading.moved_to) is not None:
            if moved.other_announced(node):
                raise CallRefused(*refusals.several_nodes_announced(moved))
            contact = await self._assistant.move(moved.name, str(node), in_clear=bool(page.device))
            await self._presenter.book_changed()
            self._tell_home(page, contact_texts.moved(contact))
            return None, None
        if line is None:
            if (clock := reading.other_clock) is not None:
                raise CallRefused(texts.clocks_differ(clock.contact, clock.ahead, sure=clock.ahead > 0).text, "")
            if reading.reason is not None:
                raise CallRefused(refusal(reading.reason, link), "")
            return None, None
        return line.number, page_texts.took_back(line) if line.number in rang else None

    async def _answer_question(self, page: Page, line: Line, message: AnswerQuestion) -> Sentence | None:
        together = self._switchboard.together
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

    async def _record(self, line: Line, message: Record) -> None:
        recording = self._switchboard.recording(line)
        match message.what:
            case "start":
                await recording.start()
            case "stop":
                recording.stop()
            case "refuse":
                recording.refuse()

    def _write(self, line: Line, text: str) -> None:
        try:
            self._switchboard.write(line, text)
        except LocalProtocolError:
            raise CallRefused(*page_texts.NOT_CONNECTED) from None
        self._presenter.wrote(line, text, ours=True)
