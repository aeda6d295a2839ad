"""The handset page's side of the program: what calls tell goes to the page, what the page wants is done.

The presenter stands beside the assistant and tells the page what the assistant tells the chat.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from bot.assistant import contacts as book
from bot.assistant.assistant import Assistant
from bot.messengers.base import EVERYWHERE
from bot.page.foreign import explained
from bot.texts import chat as texts
from bot.texts import page as handset_texts
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.link_reader import CallLink, LinkReader, OwnLink, SaidLink
from peer.calls.news import (
    AnsweredAlone,
    Changed,
    News,
    Paired,
    PhraseKnown,
    Posted,
    Recorded,
    Rings,
    Said,
    TakesMessage,
)
from peer.calls.session_events import FirstMedia, MediaAgreed, RemoteAnsweredAlone
from peer.calls.switchboard import Switchboard
from peer.handset import protocol as page_protocol
from peer.handset.endpoint import HandsetEndpoint
from peer.handset.page import Page, Pages
from peer.handset.protocol import (
    Act,
    AddContact,
    Answer,
    Audible,
    Block,
    Decline,
    Done,
    Explain,
    Explained,
    FromPage,
    HangUp,
    Hello,
    LogEntry,
    MediaAnswer,
    Place,
    RemoveContact,
    RenameContact,
    SaveContact,
    Sends,
    SetMedia,
    SetTrust,
    ShowLink,
    WantOffer,
    Write,
)
from peer.handset.quality import quality
from peer.handset.shown_link import shown_link, shown_text
from peer.media import DEVICES, HANDSET
from peer.media.trouble import MediaTrouble
from peer.overlay.watch import OverlayWatch
from shared.call.events import RemoteRinging
from shared.call.reasons import Reason
from shared.call.table import State
from shared.contacts import Contact, Trust
from shared.errors import BadDescription, CallOver, CallRefused, LocalProtocolError
from shared.links.card import Card
from shared.links.kinds import BadLink, Found, Response, find
from shared.media import Media
from shared.messages import MediaState, Text
from shared.node_id import NodeId
from shared.store import Store

LOGGED = 50
"Calls of the log that the page is told."

TEXTS_KEPT = 200
"Lines of text of one call that a page which comes late is told."

SECOND = 1.0

NOTHING_SENT = MediaState(audio=False, video=False)


class Presenter:
    """Shows calls on the page. There is one for a program, whether or not a page is open."""

    def __init__(
        self,
        *,
        own: NodeId,
        name: str,
        overlay: str,
        watch: OverlayWatch,
        store: Store,
        lines: Lines,
        own_card: Callable[[], Card],
        pages: Pages,
    ) -> None:
        self._own = own
        self._lines = lines
        self._name = name
        self._overlay = overlay
        self._watch = watch
        self._store = store
        self._own_card = own_card
        self._pages = pages
        self._endpoints: dict[int, HandsetEndpoint] = {}
        self._texts: dict[int, deque[page_protocol.Text]] = {}
        self._links: dict[int, ShowLink] = {}
        self._rings_there: set[int] = set()
        self._contacts: list[page_protocol.Contact] = []
        self._audible: Page | None = None
        "The page that has said last that it can be heard."

        self._unheard: set[int] = set()
        "Calls whose automatic answer nobody here has heard of yet."

        pages.listen(self._page_changed)

    def endpoint(self, number: int) -> HandsetEndpoint:
        """Make the media endpoint of the line with that number."""
        endpoint = self._endpoints[number] = HandsetEndpoint(self._pages, number)
        return endpoint

    def endpoint_of(self, number: int) -> HandsetEndpoint | None:
        """The media endpoint of the line with that number, if the page is what that call is made at."""
        return self._endpoints.get(number)

    def attended(self) -> bool:
        """Whether somebody has the page open."""
        return self._pages.current is not None

    def can_be_heard(self, page: Page, on: bool) -> None:
        """A page says whether its owner hears what it plays."""
        if on:
            self._audible = page
            for number in tuple(self._unheard):
                self.chime(number)
        elif self._audible is page:
            self._audible = None

    def chime(self, number: int) -> bool:
        """Give the notice of an automatic answer at the page. Returns False when no page can be heard."""
        if self._audible is None or self._audible is not self._pages.current:
            return False
        self._unheard.discard(number)
        for line in self._lines:
            if line.number == number:
                self._answered_alone(line, chime=True)
        return True

    def unheard(self, number: int) -> None:
        """Give the notice at a page as soon as one can be heard."""
        if not self.chime(number):
            self._unheard.add(number)

    async def run(self) -> None:
        """Once a second tell the page how good the calls are, and whether anything else has changed."""
        before: dict[int, dict[str, Any]] = {}
        loop = asyncio.get_running_loop()
        last = loop.time()
        overlay = self._overlay_state()
        while True:
            await asyncio.sleep(SECOND)
            now = loop.time()
            reports = {line.number: line.report() for line in self._lines if line.call.state is State.ACTIVE}
            for number, report in reports.items():
                self._pages.send(quality(number, report, before.get(number), now - last))
            before, last = reports, now
            if self._pages.current is not None:
                self._refresh_contacts()
                if overlay != (overlay := self._overlay_state()):
                    self._pages.send(page_protocol.OverlayState(overlay=overlay))

    # What a page is told.

    async def hello(self) -> Hello:
        """Everything that there is."""
        self._contacts = self._book()
        return Hello(
            version=version("copybara-relay"),
            node=str(self._own),
            name=self._name,
            overlay=self._overlay_state(),
            card=shown_link(self._own_card().token),
            contacts=self._contacts,
            calls=[self._call(line) for line in self._lines],
            log=self._log(),
            texts=[text for line in self._lines for text in self._texts.get(line.number, ())],
            links=[self._links[line.number] for line in self._lines if line.number in self._links],
        )

    def told(self, line: Line, news: News) -> None:
        """Tell the page what happens to a call."""
        send, number = self._pages.send, line.number
        match news:
            case Posted():
                shown = shown_text(news.token) if line.foreign is not None else shown_link(news.token)
                self._links[number] = link = ShowLink(
                    call=number, link=shown, sentence=handset_texts.link_to_send(line).text
                )
                send(link)
            case Rings():
                send(self._call(line))
                send(page_protocol.Ring(call=number, sentence=texts.rings(line, news.reason).text))
            case AnsweredAlone() | TakesMessage():
                send(self._call(line))
                self._answered_alone(line)
            case RemoteAnsweredAlone():
                send(self._call(line))
                self._answered_alone(line)
                if not self._hears_theirs(line):
                    self.unheard(number)
            case Recorded():
                send(page_protocol.Said(call=number, sentence=texts.recorded(line, news.path).text))
            case Said():
                if isinstance(news.noted.event, RemoteRinging):
                    self._rings_there.add(number)
                    send(self._call(line))
                    send(page_protocol.Said(call=number, sentence=texts.remote_rings(line).text))
                else:
                    send(page_protocol.Said(call=number, sentence=texts.unproven(line).text))
            case Text():
                self.wrote(line, news.text, ours=False)
            case MediaState():
                if (remote := _sends(line.remote_media)) is not None:
                    send(page_protocol.RemoteMedia(call=number, remote=remote))
            case Changed():
                self._changed(line)
            case MediaTrouble():
                send(page_protocol.Problem(call=number, sentence=news.sentence, hint=news.hint))
            case PhraseKnown() | Paired() | FirstMedia() | MediaAgreed():
                send(self._call(line))

    def _changed(self, line: Line) -> None:
        if line.call.state is not State.CALLING and line.connected is not None:
            self._links.pop(line.number, None)
        if line.call.state is State.ACTIVE:
            self._show_media(line)
        self._pages.send(self._call(line))
        if line.call.ended:
            for kept in (self._endpoints, self._texts, self._links):
                kept.pop(line.number, None)
            for numbers in (self._unheard, self._rings_there):
                numbers.discard(line.number)
            self._pages.send(page_protocol.Log(log=self._log()))

    def _page_changed(self) -> None:
        """A page that has just come sends nothing yet, and one that has left nothing any more."""
        for line in self._lines:
            self._show_media(line)
            self._answered_alone(line)
            if line.call.state is State.RINGING:
                self._pages.send(page_protocol.Ring(call=line.number, sentence=texts.rings(line, line.reason).text))

    def _show_media(self, line: Line) -> None:
        """Tell the other side that nothing is sent while no page is there."""
        if line.session is not None and line.number in self._endpoints and self._pages.current is None:
            line.session.show_media(NOTHING_SENT)

    def _answered_alone(self, line: Line, *, chime: bool = False) -> None:
        """Tell the page of an automatic answer, if it was one. With `chime` nobody was asked in any case."""
        sentence = ""
        if line.automatic:
            sentence = texts.takes_message(line).text if line.machine else texts.answered_alone(line).text
        elif line.remote_automatic:
            sentence = texts.remote_answered_alone(line).text
        elif chime:
            sentence = handset_texts.goes_on(line).text
        if sentence:
            by: Any = "them" if line.remote_automatic and not line.automatic else "us"
            self._pages.send(page_protocol.AnsweredAlone(call=line.number, by=by, sentence=sentence, chime=chime))

    def _hears_theirs(self, line: Line) -> bool:
        """Whether the notice that the other side sends is heard here: by the speaker, or at a page from its start."""
        if (endpoint := self._endpoints.get(line.number)) is not None:
            return endpoint.answered_alone()
        return DEVICES in (line.endpoint or "").split("+")

    def wrote(self, line: Line, text: str, *, ours: bool) -> None:
        """Show a line of text beside a call."""
        kept = self._texts.setdefault(line.number, deque(maxlen=TEXTS_KEPT))
        kept.append(page_protocol.Text(call=line.number, ours=ours, text=text, at=int(time.time())))
        self._pages.send(kept[-1])

    def _call(self, line: Line) -> page_protocol.Call:
        contact = self._store.contact_of(line.peer)
        report = line.report()
        trusted = contact is not None and contact.trust is Trust.AUTO
        return page_protocol.Call(
            id=line.number,
            state=line.call.state.value,
            sentence=handset_texts.call_sentence(line).text,
            name=line.name,
            contact=contact.name if contact else None,
            node=str(line.peer),
            role=line.call.role.value,
            media=_kinds(line.media),
            trust="trusted" if trusted else "contact" if contact else "stranger",
            trust_words=handset_texts.trust_words(line, contact),
            automatic=line.automatic,
            rings_there=line.number in self._rings_there,
            remote_automatic=line.remote_automatic,
            handset=line.number in self._endpoints,
            endpoint=line.endpoint or "",
            phrase=line.phrase or None,
            paired=line.call.paired,
            connected_at=line.connected_at,
            expires=line.expires,
            path=handset_texts.path(
                handset_texts.overlay_name(self._overlay), report.get("local"), report.get("remote")
            ),
            remote=_sends(line.remote_media),
            report=report,
        )

    def _book(self) -> list[page_protocol.Contact]:
        return [self._entry(contact) for contact in self._store.contacts()]

    def _entry(self, contact: Contact) -> page_protocol.Contact:
        return page_protocol.Contact(
            name=contact.name,
            node=str(contact.node),
            trust=contact.trust.value,
            media=_kinds(contact.media),
            trust_words=handset_texts.trust_in_words(contact),
            paired=book.is_paired(self._store, contact),
            endpoint=contact.endpoint,
        )

    def _refresh_contacts(self) -> None:
        if self._contacts != (contacts := self._book()):
            self._contacts = contacts
            self._pages.send(page_protocol.Contacts(contacts=contacts))

    def book_changed(self) -> None:
        """Show the contacts, and the calls by their new names."""
        self._refresh_contacts()
        for line in self._lines:
            self._pages.send(self._call(line))
        self._pages.send(page_protocol.Log(log=self._log()))

    def _log(self) -> list[LogEntry]:
        entries = []
        for record in self._store.call_log(LOGGED):
            contact = self._store.contact_of(record.peer)
            entries.append(
                LogEntry(
                    name=record.name or f"node {record.peer.short}…",
                    node=str(record.peer),
                    contact=contact.name if contact else None,
                    role="caller" if record.role == "caller" else "callee",
                    media=_kinds(record.media),
                    started=record.started,
                    seconds=None if record.connected is None else max(0, record.ended - record.connected),
                    reason=record.reason,
                    sentence=handset_texts.log_sentence(record).text,
                    automatic=record.automatic,
                )
            )
        return entries

    def _overlay_state(self) -> page_protocol.Overlay:
        state = self._watch.state
        notice = ""
        if state.error is not None:
            notice = texts.overlay_down(self._overlay, state.error).text
        elif self._overlay == "loopback":
            notice = handset_texts.LOOPBACK
        return page_protocol.Overlay(
            name=handset_texts.overlay_name(self._overlay),
            address=str(state.address) if state.address else None,
            notice=notice,
        )


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
        lifetime: int,
    ) -> None:
        """`lifetime` is how many seconds a link can be used."""
        self._presenter = presenter
        self._assistant = assistant
        self._switchboard = switchboard
        self._lines = switchboard.lines
        self._store = store
        self._reader = reader
        self._lifetime = lifetime

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
                page.send(self._explain(message.text))
            case Act():
                sentence, call = await self._act(message)
            case Place():
                line = await self._assistant.place(
                    message.whom.strip(), _media(message.media), chat=EVERYWHERE, endpoint=HANDSET
                )
                call = line.number
            case Answer():
                await self._switchboard.answer(self._line(message.call), _media(message.media), endpoint=HANDSET)
            case Decline():
                self._switchboard.decline(self._line(message.call))
            case Block():
                sentence = texts.trust_set(self._assistant.block(self._line(message.call))).text
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
            case SaveContact():
                contact = self._assistant.save(message.name, book.Whom(self._line(message.call).peer))
                sentence = texts.contact_saved(contact, book.is_paired(self._store, contact)).text
            case AddContact():
                sentence = self._add_contact(message)
            case SetTrust():
                media = _media(message.media) if message.media is not None else None
                known = book.named(self._store, message.name)
                contact = book.set_trust(self._store, message.name, Trust(message.trust), media, known.hours)
                sentence = texts.trust_set(contact).text
            case RenameContact():
                contact = self._store.rename_contact(message.name, message.new_name)
                self._renamed(contact.node, contact.name)
                sentence = texts.renamed(message.name, contact.name).text
            case RemoveContact():
                contact = self._store.remove_contact(message.name)
                self._renamed(contact.node, None)
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

    def _explain(self, text: str) -> Explained:
        try:
            if (looked := self._switchboard.look(text)) is not None:
                return explained(looked, self._store)
        except BadDescription as bad:
            return _explained("", "unusable", bad.sentence)
        found = find(text)
        if not found:
            return _explained("", "unusable", handset_texts.NOTHING_THERE)
        token = found[0].token
        try:
            link = self._reader.open(token)
        except BadLink as bad:
            return _explained(token, "unusable", _refusal(bad.reason, found[0]))
        match link:
            case OwnLink():
                return _explained(token, "own", handset_texts.OWN_LINK)
            case Card():
                known = self._store.contact_of(link.node)
                return Explained(
                    token=token,
                    kind="card",
                    sentence=handset_texts.explained_card(link, known),
                    can_act=False,
                    button="",
                    card_name=link.name,
                    card_node=str(link.node),
                )
            case Response():
                if not any(_waits_for(line, link) for line in self._lines):
                    return _explained(token, "unusable", texts.refusal(Reason.NOT_FOR_THIS_NODE).text)
                return _explained(token, "response", handset_texts.explained_response(link), "Connect")
            case CallLink():
                if self._store.link_seen(link.raw) is not None:
                    return _explained(token, "unusable", texts.refusal(Reason.ALREADY_USED).text)
                if time.time() > link.created + self._lifetime:
                    return _explained(token, "unusable", texts.refusal(Reason.EXPIRED).text)
                contact = self._store.contact_of(link.source)
                return _explained(token, "call", handset_texts.explained_call(link, contact), "Let it ring")
            case SaidLink():
                contact = self._store.contact_of(link.source)
                return _explained(token, "said", handset_texts.explained_said(link, contact), "Read it")

    async def _act(self, message: Act) -> tuple[str, int | None]:
        link: Found | None = None
        if (looked := self._switchboard.look(message.text)) is not None:
            act = self._switchboard.read_classic if looked.page else self._switchboard.read_pasted
            reading = await act(looked.text, chat=EVERYWHERE)
        else:
            found = find(message.text)
            if not found:
                raise CallRefused(handset_texts.NOTHING_THERE, "")
            link = found[0]
            reading = await self._switchboard.read(link.token, chat=EVERYWHERE)
        line = reading.line
        if line is None:
            if reading.reason is not None:
                raise CallRefused(_refusal(reading.reason, link), "")
            return "", None
        return "", line.number

    def _write(self, line: Line, text: str) -> None:
        try:
            if line.session is None:
                raise LocalProtocolError
            line.session.write(text)
        except LocalProtocolError:
            raise CallRefused("The call isn't connected, so nothing can be written.", "Wait for it.") from None
        self._presenter.wrote(line, text, ours=True)

    def _set_media(self, message: SetMedia) -> None:
        line = self._line(message.call)
        if line.session is not None and self._presenter.endpoint_of(line.number) is not None:
            line.session.show_media(
                MediaState(
                    audio=message.audio and Media.AUDIO in line.media,
                    video=message.video and Media.VIDEO in line.media,
                    screen=message.screen and Media.VIDEO in line.media,
                )
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

    def _renamed(self, node: NodeId, name: str | None) -> None:
        for line in self._lines:
            if line.peer == node:
                line.contact = name


def _waits_for(line: Line, response: Response) -> bool:
    """Whether the line waits for a response and this says that it is one."""
    return line.call.state is State.CALLING and line.request is not None and response.answers(line.request)


def _refusal(reason: Reason, link: Found | None) -> str:
    if link is None:
        return texts.refusal(reason).text
    if reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not link.prefixed:
        return handset_texts.NOTHING_THERE
    return texts.refusal(reason, link.token).text


def _explained(token: str, kind: Any, sentence: str, button: str = "") -> Explained:
    return Explained(token=token, kind=kind, sentence=sentence, can_act=bool(button), button=button)


def _sends(state: MediaState | None) -> Sends | None:
    return None if state is None else Sends(audio=state.audio, video=state.video, screen=state.screen)


def _kinds(media: Media) -> page_protocol.Kinds:
    return "video" if Media.VIDEO in media else "audio"


def _media(kinds: page_protocol.Kinds) -> Media:
    return Media.BOTH if kinds == "video" else Media.AUDIO
