"""Tells pages what happens to calls, and sends a new page everything. (CallNews tells the chat.)"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from bot.assistant.news_words import AboutSeveral, said_of
from bot.kinds import Kind, Sentence
from bot.page import view
from bot.page.changes_elsewhere import ChangesElsewhere
from bot.page.chime import Chime
from bot.page.kept_ends import KeptEnd, KeptEnds
from bot.page.own_devices import OwnDevices
from bot.page.shown_beside import ShownBesideCall, ShownBesideCalls
from bot.page.shown_card import ShownCard
from bot.page.shown_contacts import ShownContacts
from bot.page.shown_conversations import ShownConversations
from bot.page.shown_files import ShownFiles
from bot.texts import chat as texts
from bot.texts import overlay as overlay_texts
from bot.texts import page as handset_texts
from peer.calls.files.transfer import FileChanged
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import (
    AnsweredAlone,
    Changed,
    HoldChanged,
    LinkNoted,
    News,
    NotKept,
    Paired,
    PhraseKnown,
    Posted,
    Recorded,
    Rings,
    TakesMessage,
)
from peer.calls.recording.changed import RecordingChanged
from peer.calls.repeats import GoesOn, Telling
from peer.calls.session_events import FirstMedia, MediaAgreed, RemoteAnsweredAlone
from peer.calls.together_news import CircleChanged, PartOf, QuestionOver
from peer.handset import protocol as page_protocol
from peer.handset.endpoint import HandsetEndpoint
from peer.handset.page import Page, Pages
from peer.handset.protocol import Hello, LogEntry, ShowLink
from peer.handset.quality import quality
from peer.handset.shown_link import shown_link, shown_text
from peer.media import DEVICES
from peer.media.trouble import MediaTrouble
from peer.overlay import overlay_name
from peer.overlay.watch import OverlayWatch
from shared.call.events import RemoteRinging
from shared.call.table import State
from shared.errors import StoreError
from shared.messages import MediaState, Text
from shared.node_id import NodeId
from shared.store import Store

logger = logging.getLogger(__name__)

LOGGED = 50
"How many calls of the log a page gets."

SECOND = 1.0

NOTHING_SENT = MediaState(audio=False, video=False)


class Presenter:
    """Shows calls on pages. A program has one, whether or not a page is open."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: str,
        watch: OverlayWatch,
        store: Store,
        lines: Lines,
        card: ShownCard,
        pages: Pages,
        devices: OwnDevices,
        is_by_hand: Callable[[str], bool],
        is_demo: bool,
    ) -> None:
        """`is_by_hand` says whether the owner copies the links of that chat to the other person.

        `is_demo`: the program ends with `copybara demo --handset`.
        """
        self._is_by_hand = is_by_hand
        self._is_demo = is_demo
        self._devices = devices
        self._own = own
        self._lines = lines
        self._overlay = overlay
        self._watch = watch
        self._store = store
        self._card = card
        self._pages = pages
        self._calls = ShownBesideCalls()
        self._files = ShownFiles(pages.downloads, logged=LOGGED)
        self._kept_ends = KeptEnds(self._is_to_save)
        self._conversations = ShownConversations(lines)
        self._book = ShownContacts(store)
        self._logged: list[LogEntry] = []
        self._revision: tuple[int, int] | None = None
        "The revision of the store that is shown."

        self._differed: int | None = None
        "The number of the call that was over when its owner said that its words differ."

        self._changes = ChangesElsewhere()
        self._failing = False
        self._chime = Chime(pages, self._sound_chime)
        pages.listen(self._page_changed)

    def endpoint(self, number: int) -> HandsetEndpoint:
        """Make the media endpoint of the line with that number."""
        endpoint = HandsetEndpoint(self._pages, number, lambda: self._has_moved(number))
        self._calls.change(number).endpoint = endpoint
        self._pages.calls.add(number)
        return endpoint

    def question(self, line: Line) -> str | None:
        """The question about a conversation that the page shows with that call: the other side's, or the owner's."""
        shown = self._conversations.of(line)
        return shown.question or shown.asks

    def endpoint_of(self, number: int) -> HandsetEndpoint | None:
        """The media endpoint of the line with that number, if the call's sound and picture are at the page."""
        return self._calls.of(number).endpoint

    def shows_own_question(self, line: Line) -> bool:
        """Whether the question that the page shows with that call is the owner's own."""
        return self._conversations.of(line).asks is not None

    def attended(self) -> bool:
        """Whether somebody has the page open."""
        return bool(self._pages.open)

    def can_be_heard(self, page: Page, on: bool) -> None:
        """Note whether a page's owner can hear what it plays."""
        self._chime.can_be_heard(page, on)

    def chime(self, number: int) -> bool:
        """Play the notice of an automatic answer at the page. Returns False if no page can play it."""
        return self._chime.give(number)

    def unheard(self, number: int) -> None:
        """Play the notice of an automatic answer as soon as a page can play it."""
        self._chime.give_once_heard(number)

    def _sound_chime(self, number: int) -> None:
        for line in self._lines:
            if line.number == number:
                self._answered_automatically(line, chime=True)

    async def run(self, look_at_book: Callable[[], None]) -> None:
        """Once a second, send pages the quality of calls, and what has changed elsewhere. Runs until cancelled.

        An error while reading is shown once, and reading is tried again the next second. `look_at_book` gives the calls
        the names and proofs that the contact book has by now.
        """
        before: dict[int, page_protocol.Report] = {}
        loop = asyncio.get_running_loop()
        last = loop.time()
        overlay = self._overlay_state()
        while True:
            await asyncio.sleep(SECOND)
            now = loop.time()
            reports = {line.number: view.report_of(line) for line in self._lines if line.call.state is State.ACTIVE}
            for number, report in reports.items():
                self._pages.send(quality(number, report, before.get(number), now - last))
            before, last = reports, now
            if overlay != (overlay := self._overlay_state()):
                self._pages.send(page_protocol.OverlayState(overlay=overlay))
            await self._look_at_store(look_at_book)

    async def _look_at_store(self, look_at_book: Callable[[], None]) -> None:
        """Send contacts, calls, the log and devices again if anything was written, also by another process."""
        if not self._pages.open:
            return
        try:
            if self._revision != (revision := self._store.revision()):
                look_at_book()
                await self.book_changed()
                self._revision = revision
            self._devices.refresh()
            self._failing = False
        except StoreError as error:
            if not self._failing:
                logger.warning("the page: %s", error.sentence)
                for page in self._pages.open:
                    page.problem(error)
            self._failing = True

    # What a page gets.

    async def hello(self, page: Page) -> Hello:
        """Everything that a new page needs."""
        await self._refresh_contacts()
        self._refresh_log()
        self._look_for_differed()
        await self._card.look_at_peers()
        own, ends = self._card.shown(), self._kept_ends.now()
        shown = [self._calls.of(line.number) for line in self._lines if _is_shown(line)]
        return Hello(
            version=version("copybara-relay"),
            node=str(self._own),
            name=own.name,
            overlay=self._overlay_state(),
            card=own.card,
            contacts=self._book.contacts,
            calls=[
                *(self._call(line, page) for line in self._lines if _is_shown(line)),
                *map(self._ended, ends),
            ],
            log=self._logged,
            texts=[text for line in self._lines for text in self._calls.of(line.number).texts],
            links=[
                *(each.link() for each in shown if each.link is not None),
                *(end.link() for end in ends if end.link is not None),
            ],
            invitation=own.invitation,
            invitation_notes=own.invitation_notes,
            invitation_with_peers=own.invitation_with_peers,
            devices=self._devices.of(page),
            changes=[] if page.device else self._changes.shown,
            files=[
                *(view.file(line, transfer) for line in self._lines for transfer in self._files.of(line)),
                *(file for end in ends for file in end.files),
            ],
            notes=[each.note for each in shown if each.note is not None],
            demo=self._is_demo,
        )

    def told(self, line: Line, news: News) -> None:
        """Show on pages what has happened to a call.

        A call that was placed in advance isn't shown until its link is posted.
        """
        match news:
            case Posted():
                self._posted(line, news.token)
            case Rings():
                self._show(line)
                self._ring(line, news)
            case AnsweredAlone() | TakesMessage():
                self._show(line)
                self._answered_automatically(line)
            case RemoteAnsweredAlone():
                self._show(line)
                self._answered_automatically(line)
                if not self._hears_theirs(line):
                    self.unheard(line.number)
            case NotKept() | GoesOn():
                self._say(line, said_of(line, news))
            case RecordingChanged(telling=Telling.NONE):
                self._show(line)
            case Recorded() | RecordingChanged():
                recording = None if news.path is None else self._keep_recorded(line, news.path)
                self._show(line)
                self._say(line, said_of(line, news), news.path, recording)
            case LinkNoted():
                if isinstance(news.noted.event, RemoteRinging):
                    self._calls.change(line.number).rings_there = True
                    self._show(line)
                self._calls.change(line.number).note = self._say(line, said_of(line, news))
            case Text():
                self.wrote(line, news.text, ours=False)
            case MediaState():
                if _is_shown(line) and (remote := view.sends(line.connection.remote_media)) is not None:
                    self._pages.send(page_protocol.RemoteMedia(call=line.number, remote=remote))
            case MediaTrouble():
                if _is_shown(line):
                    kind, sentence, hint = Kind.MEDIA_TROUBLE, news.sentence, news.hint
                    self._pages.send(page_protocol.Problem(call=line.number, kind=kind, sentence=sentence, hint=hint))
            case FileChanged():
                self._files.changed(line, news.transfer)
                self._pages.send(view.file(line, news.transfer))
            case Changed():
                self._changed(line)
            case QuestionOver():
                self._conversations.told(line, news)
                self._show(line)
            case PhraseKnown() | Paired() | FirstMedia() | MediaAgreed() | HoldChanged() | PartOf():
                self._show(line)
            case _ if isinstance(news, AboutSeveral):
                self._conversations.told(line, news)
                if not (isinstance(news, CircleChanged) and news.telling is Telling.NONE):
                    self._say(line, said_of(line, news))
                for each in self._lines:
                    self._show(each)

    def _posted(self, line: Line, token: str) -> None:
        """Show a link to send, unless a messenger carries it, or a person couldn't pass it on."""
        by_hand, foreign = self._is_by_hand(line.chat), line.foreign
        if (foreign is not None and not foreign.envelope.in_chat) or (line.call.ended and not by_hand):
            return
        said = handset_texts.link_to_send(line, by_hand=by_hand)
        link = functools.partial(_link_to_send, line.number, token, said, foreign=foreign is not None)
        # What a slow disk has held up until the call is over is kept nowhere.
        shown = self._calls.change(line.number) if line in self._lines else ShownBesideCall()
        shown.link = link
        if line.call.ended:
            shown.end = link
        if self._pages.open and _is_shown(line):
            self._pages.send(link())

    def save_address(self, number: int, *, recording: bool) -> str:
        """The address at which a browser gets the received file or recording with that number. Raises FileRefused."""
        return self._files.save_address(number, recording=recording)

    def _keep_recorded(self, line: Line, path: Path) -> int:
        number = self._files.recorded(line, path)
        if line.call.ended:
            self._show_log()
        return number

    def seen_end(self, number: int) -> None:
        """Note that the owner has closed the view of a call that is over."""
        self._kept_ends.put_away(number)

    def _is_to_save(self, call: page_protocol.Call) -> bool:
        """Whether the key of a call is known and may be the other person's, and that person is no contact."""
        latest = self._lines.latest
        if latest is None or latest.number != call.id or latest.shown.differed:
            return False
        return self._store.contact_of(latest.peer) is None

    def _keep_end(self, line: Line) -> None:
        if _is_shown(line):
            self._kept_ends.keep(
                self._shown_call(line, at_page=False, elsewhere=None),
                line.link.reference,
                self._calls.of(line.number).end,
                [view.file(line, each) for each in self._files.arrived_in(line.link.reference)],
            )

    def _ended(self, end: KeptEnd) -> page_protocol.Call:
        """The call with its recordings. The last one may have finished after the call's end."""
        return msgspec.structs.replace(end.call, recorded=[*self._files.recordings_of(end.reference)])

    def _look_for_differed(self) -> None:
        """The owner may say of a call that is over that its words differ: its page doesn't offer to save them then."""
        latest = self._lines.latest
        if latest is None or latest in self._lines or not latest.shown.differed or latest.number == self._differed:
            return
        self._differed = latest.number
        self._keep_end(latest)
        self._pages.send(self._shown_call(latest, at_page=False, elsewhere=None))

    def _changed(self, line: Line) -> None:
        if line.call.state is not State.CALLING and line.connection.connected is not None:
            self._calls.change(line.number).link = None
        if line.call.state is State.ACTIVE:
            self._show_media(line)
        self._show(line)
        if line.call.ended:
            self._files.over(line)
            self._keep_end(line)
            self._calls.forget(line.number)
            self._conversations.forget(line)
            self._pages.ended(line.number)
            self._chime.forget(line.number)
            self._show_log()

    def _page_changed(self) -> None:
        """Update all calls: a new page sends nothing yet, and a page that has left sends nothing any more."""
        for line in self._lines:
            if self.endpoint_of(line.number) is not None:
                self._show(line)
            self._show_media(line)
            self._answered_automatically(line)
            if line.call.state is State.RINGING:
                self._ring(line, Rings(line.shown.reason))

    def _has_moved(self, number: int) -> None:
        """Show a call again, because its sound and picture have left the page that had them."""
        for line in self._lines:
            if line.number == number:
                self._show(line)

    def _ring(self, line: Line, news: Rings) -> None:
        said = said_of(line, news)
        self._pages.send(page_protocol.Ring(call=line.number, kind=said.kind, sentence=said.sentence))

    def _say(
        self, line: Line, sentence: Sentence, path: Path | None = None, recording: int | None = None
    ) -> page_protocol.Said:
        note = page_protocol.Said(
            call=line.number,
            kind=sentence.kind,
            sentence=sentence.sentence,
            path=str(path) if path else None,
            recording=recording,
        )
        self._pages.send(note)
        return note

    def _show_media(self, line: Line) -> None:
        """If the call's media are at the page and no page is open, tell the other side that nothing is sent."""
        if self.endpoint_of(line.number) is not None and self._pages.current is None:
            self._lines.show_media(line, NOTHING_SENT)

    def _answered_automatically(self, line: Line, *, chime: bool = False) -> None:
        """Tell pages that a call was answered automatically, if it was.

        `chime`: the current page also plays the notice.
        """
        if line.shown.automatic:
            said = texts.takes_message(line) if line.shown.machine else texts.answered_automatically(line)
        elif line.shown.remote_automatic:
            said = texts.remote_answered_automatically(line)
        elif chime:
            said = handset_texts.goes_on(line)
        else:
            return
        by: Literal["us", "them"] = "them" if line.shown.remote_automatic and not line.shown.automatic else "us"
        for page in self._pages.open:
            page.send(
                page_protocol.AnsweredAlone(
                    call=line.number,
                    by=by,
                    kind=said.kind,
                    sentence=said.sentence,
                    chime=chime and page is self._pages.current,
                )
            )

    def _hears_theirs(self, line: Line) -> bool:
        """Whether the owner hears the other side's notice.

        They hear it from the speaker, or at a page that plays the call from its start.
        """
        if (endpoint := self.endpoint_of(line.number)) is not None:
            return endpoint.answered_automatically()
        return DEVICES in (line.shown.endpoint or "").split("+")

    def wrote(self, line: Line, text: str, *, ours: bool) -> None:
        """Show a line of text beside a call."""
        shown = page_protocol.Text(call=line.number, ours=ours, text=text, at=int(time.time()))
        self._calls.change(line.number).texts.append(shown)
        self._pages.send(shown)

    def _show(self, line: Line) -> None:
        if _is_shown(line):
            for page in self._pages.open:
                page.send(self._call(line, page))

    def _call(self, line: Line, page: Page) -> page_protocol.Call:
        endpoint, pages = self.endpoint_of(line.number), self._pages
        here = page is pages.current if page in pages.open else pages.would_be_current(page)
        if endpoint is not None and endpoint.leaving is page:
            here = True  # this page sends media until the other side has the page that takes over
        elsewhere = handset_texts.place_of(pages.current) if endpoint is not None and not here else None
        return self._shown_call(line, at_page=endpoint is not None and here, elsewhere=elsewhere)

    def _shown_call(self, line: Line, *, at_page: bool, elsewhere: str | None) -> page_protocol.Call:
        return view.call(
            line,
            self._store.contact_of(line.peer),
            overlay=self._overlay,
            at_page=at_page,
            elsewhere=elsewhere,
            rings_there=self._calls.of(line.number).rings_there,
            several=self._conversations.of(line),
            compared=self._store.words_matched(line.peer, line.link.reference, line.connection.agreed_secret),
            recorded=self._files.recordings_of(line.link.reference),
        )

    async def _refresh_contacts(self) -> None:
        if await self._book.refresh():
            self._pages.send(page_protocol.Contacts(contacts=self._book.contacts))

    def card_changed(self) -> None:
        """Send the owner's card and invitation again, because they have changed."""
        self._pages.send(self._card.shown())

    async def book_changed(self) -> None:
        """Send contacts, calls, files and the log again, because the contact book has changed."""
        await self._refresh_contacts()
        self._look_for_differed()
        for line in self._lines:
            self._show(line)
            for transfer in self._files.of(line):
                if not transfer.ended or view.is_here(transfer):  # the page has dropped the others
                    self._pages.send(view.file(line, transfer))
        self._show_log()

    def changed_at(self, sentence: Sentence) -> None:
        """Show a change to the contacts by another device at home, because that device may be stolen."""
        self._changes.add(sentence.sentence)
        self._show_changes()

    def seen_changes(self, sentences: Iterable[str] | None) -> None:
        """Note that somebody at home has seen these changes by other devices. None: all."""
        self._changes.seen(sentences)
        self._show_changes()

    def _show_changes(self) -> None:
        for page in self._pages.open:
            if not page.device:
                page.send(page_protocol.ChangedElsewhere(changes=self._changes.shown))

    def _show_log(self) -> None:
        if self._pages.open:
            self._refresh_log()

    def _refresh_log(self) -> None:
        log = self._read_log()
        if self._logged != log:
            self._logged = log
            self._pages.send(page_protocol.Log(log=log))

    def _read_log(self) -> list[LogEntry]:
        return [
            view.logged(
                record,
                self._store.contact_of(record.peer),
                self._files.arrived_in(record.reference),
                self._files.recordings_of(record.reference),
                compared=bool(self._store.compared_secrets(record.peer, record.reference)),
            )
            for record in self._store.call_log(LOGGED)
        ]

    def _overlay_state(self) -> page_protocol.Overlay:
        state = self._watch.state
        said = overlay_texts.wrong(self._overlay, state)
        if said is None:
            said = overlay_texts.LOOPBACK if self._overlay == "loopback" else Sentence("", "")
        return page_protocol.Overlay(
            name=overlay_name(self._overlay),
            address=str(state.address) if state.address else None,
            notice=said.text,
            kind=said.kind,
            connected=state.connected,
        )


def _is_shown(line: Line) -> bool:
    """Whether a page shows the call, and opens microphone and camera for it.

    A call that was placed in advance isn't shown, because its link may never be posted.
    """
    return not line.shown.provisional or line.connection.connected is not None


def _link_to_send(number: int, token: str, sentence: Sentence, *, foreign: bool) -> ShowLink:
    link = shown_text(token) if foreign else shown_link(token)
    return ShowLink(call=number, link=link, kind=sentence.kind, sentence=sentence.sentence)
