"""What the bot does with a message. Knows no messenger: messages come in as values, posts go out as values."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bot.assistant import commands
from bot.assistant import contact_names as name_book
from bot.assistant import contacts as book
from bot.assistant.call_news import CallNews
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.assistant.outbox import Speech
from bot.conversation import EVERYWHERE, Act, Action, IncomingMessage, Post, readable
from bot.kinds import of_error
from bot.texts import chat as texts
from bot.texts import names as name_texts
from peer.calls.admission import Reading
from peer.calls.line import Line
from peer.calls.switchboard import STOP_SECONDS, Switchboard
from peer.overlay.watch import OverlayState
from shared.call.table import State
from shared.contacts import Contact, Trust, check_name
from shared.errors import (
    BadDescription,
    CallOver,
    CopybaraError,
    InputError,
    LookingUp,
    NameHeld,
    NameNotFound,
    NoCall,
    NothingRings,
    OverlayError,
)
from shared.links.card import Card
from shared.links.classic import find_classic
from shared.links.kinds import find
from shared.links.pasted import looks_pasted
from shared.media import Media
from shared.names import Answer, endings
from shared.names.book import ContactBook
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store, StoreThread

ANSWER_SECONDS = 10.0
"How long writing the answer to another program's offer may take: the overlay is asked for an address."

CALLS_REMEMBERED = 100
"Calls of the log that a button may still be about."

Outcome = tuple[list[Post], CopybaraError | None]
"What was posted after a name was looked up, and why nothing else was done."


class Assistant:
    """One owner's assistant: reads what is written, and carries out what the owner wants."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: str,
        store: Store,
        writes: StoreThread,
        switchboard: Switchboard,
        lookups: Lookups,
        own_card: Callable[[], Card],
        speech: Speech,
        origins: Origins,
        news: CallNews,
        call_changed: Callable[[Line], None],
        has_page: bool = False,
    ) -> None:
        """`call_changed` shows a call's state and may not block. `has_page`: whether there is a handset page."""
        self.switchboard = switchboard
        self._own = own
        self._overlay = overlay
        self._store = store
        self._writes = writes
        self.lookups = lookups
        self._awaited: list[asyncio.Task[Outcome]] | None = None
        "The look-ups that the present command has begun, if somebody waits for them."

        self._own_card = own_card
        self._has_page = has_page
        self._call_changed = call_changed
        self._overlay_was_down = False
        self._turn = asyncio.Lock()
        self._speech = speech
        self._origins = origins
        self._news = news

    async def hear(self, message: IncomingMessage) -> list[Post]:
        """Act on one message, and return everything that was posted meanwhile.

        Never raises for what stands in a message. Only the owner commands; links are read from everybody.
        """
        text = readable(message.text)
        async with self._turn:
            with self._speech.listening(message.chat) as heard:
                try:
                    if not (message.from_owner and commands.is_command(text)):
                        await self._read(text, message)
                    else:
                        await self._obey(commands.parse(text), message.chat)
                except CopybaraError as error:
                    self._tell(error)
            return heard

    async def obey(self, text: str, chat: str) -> list[Post]:
        """Carry out a command that the owner gave outside of any chat, and return everything that was posted meanwhile.

        Names that it takes are looked up before it returns. Raises CopybaraError if it can't be carried out.
        """
        async with self._turn:
            with self._speech.listening(chat) as heard:
                awaited: list[asyncio.Task[Outcome]] = []
                self._awaited = awaited
                try:
                    await self._obey(commands.parse(text), chat)
                finally:
                    self._awaited = None
        for task in awaited:
            await asyncio.wait([task])
            if task.cancelled():
                raise LookingUp("The name isn't looked up any more.", "")
            posts, error = task.result()
            if isinstance(error, NameHeld):
                error.hint = name_texts.decide_on_the_command_line(error)
            if error is not None:
                raise error
            heard += posts
        return heard

    async def act(self, action: Action, chat: str) -> str:
        """Do what the owner has tapped; returns a word about it.

        Raises CallRefused when that call is over or stands elsewhere by now, and other CopybaraErrors.
        """
        async with self._turn:
            with self._speech.listening(chat):
                return await self._act(action)

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        """Place a call whose link may never be posted, in place of the one before; the same call stays what it is.

        Raises CallRefused, InputError.
        """
        answer = await self._looked_up(whom) if self.lookups.knows(whom) else None
        async with self._turn:
            try:
                who = _meant(answer) if answer else await self._whom(whom)
            except CopybaraError:
                if before is not None:
                    self.discard(before)
                raise
            if before is not None and before.call.state is State.CALLING:
                if before.peer == who.node and before.media is media:
                    return before
                self.discard(before)
            return await self._dial(who, media, chat, provisional=True)

    async def place(self, whom: str, media: Media, *, chat: str, endpoint: str | None = None) -> Line:
        """Call somebody, with the given endpoint instead of the usual one. Raises CopybaraError."""
        answer = await self._looked_up(whom) if self.lookups.knows(whom) else None
        async with self._turn:
            who = _meant(answer) if answer else await self._whom(whom)
            return await self._dial(who, media, chat, endpoint=endpoint)

    async def save(self, name: str, who: book.Whom) -> Contact:
        """Save somebody under a name, in the calls that are up as well. Raises InputError, StoreError."""
        known = who if who.card else self._origins.whom(who.node)
        contact = await self._writes.write(lambda store: book.add(store, name, known, own=self._own))
        self._named(contact)
        return contact

    async def block(self, line: Line) -> Contact:
        """Silence a call that rings and every later one of that node. A stranger is saved as a blocked contact.

        The caller gets no reply. Raises CallRefused if the call doesn't ring any more, StoreError.
        """
        self.switchboard.ignore(line)
        for other in self.switchboard.lines:
            if other is not line and other.peer == line.peer and other.call.state is State.RINGING:
                self.switchboard.ignore(other)
        node = line.peer
        name, who = self._origins.name_of(node), self._origins.whom(node)

        def blocked(store: Store) -> Contact:
            known = store.contact_of(node) or book.add(store, book.free_name(store, name, node), who, own=self._own)
            return book.set_trust(store, known.name, Trust.BLOCK, None)

        return await self._writes.write(blocked)

    def confirm(self, line: Line) -> None:
        """The link of a prepared call was posted: from now on it is a call like any other."""
        if line.provisional and not line.call.ended:
            self.switchboard.confirm(line)
            if line.call.state is State.CALLING:
                self._speech.about(line, texts.calling(line), actions=(Act.HANG_UP,), live=True)

    def discard(self, line: Line) -> None:
        """End a call that was prepared and isn't wanted any more."""
        if line.provisional and line.call.state is State.CALLING:
            self.switchboard.hang_up(line)

    async def greet(self) -> None:
        """Tell the owner what a crash has ended, and go on with what it has not."""
        for call in self.switchboard.interrupted:
            said = texts.interrupted(call.name or call.peer.short)
            self._speech.post(Post("owner", said, chat=EVERYWHERE, call=call.reference.hex(), live=True))
        await self.switchboard.rejoin()

    def unfinished(self) -> frozenset[asyncio.Task[Any]]:
        """What goes on after a message was heard: names that are looked up."""
        return self.lookups.tasks

    # Links.

    async def _read(self, text: str, message: IncomingMessage) -> None:
        if message.from_owner and looks_pasted(text):
            await self._take_sdp(text, message.chat)
            return
        classic = find_classic(text)
        for address in classic:
            await self._read_classic(address, message)
            text = text.replace(address, "")
        found = find(text)
        if not (found or classic) and message.from_owner and message.alone:
            self._speech.to_owner(texts.not_understood())
        cards: list[Card] = []
        for link in found:
            reading = await self.switchboard.read(link.token, chat=message.chat, again=message.again)
            if reading.line is not None and message.identity is not None:
                self._origins.came_from(reading.line.peer, message.identity)
            if reading.dropped is not None:
                self._speech.post(Post("owner", texts.dropped(reading.dropped), chat=message.chat))
            if reading.missed is not None and message.tell_missed:
                self._speech.post(Post("owner", texts.missed(reading.missed), chat=message.chat, missed=reading.missed))
            elif message.from_owner and message.alone:
                self._explain(reading, surely_a_link=link.prefixed, token=link.token)
            elif reading.card is not None and message.identity is not None and reading.card.node != self._own:
                cards.append(reading.card)
        if cards:
            # One post a message, however many cards anybody puts into it.
            self._explain_card(cards[0], others=len(cards) - 1)

    async def _read_classic(self, link: str, message: IncomingMessage) -> None:
        """A link of the original web app, from whomever."""
        told = message.from_owner and message.alone
        try:
            reading = await self.switchboard.read_classic(link, chat=message.chat)
        except (BadDescription, OverlayError):
            if told:
                raise
            return
        if told:
            self._explain(reading, surely_a_link=True)

    async def _take_sdp(self, text: str, chat: str) -> None:
        """What another program wrote, that the owner has pasted: an offer rings, an answer connects."""
        self._explain(await self.switchboard.read_pasted(text, chat=chat), surely_a_link=True)

    async def _answer_sdp(self, text: str, chat: str, whom: str | None) -> None:
        """The same, and an offer is answered at once. Whose it is may be said."""
        node = (await self._whom(whom)).node if whom is not None else None
        reading = await self.switchboard.read_pasted(text, chat=chat, node=node)
        self._explain(reading, surely_a_link=True)
        line = reading.line
        if line is not None and line.foreign is not None and line.call.state is State.RINGING:
            await self._answer(line, None)
            await _first_of(line.foreign.posted, line.over)

    def _explain(self, reading: Reading, *, surely_a_link: bool, token: str = "") -> None:
        """In the owner's own chat every link gets a word; in a chat with others none that isn't for us does."""
        if (card := reading.card) is not None:
            if card.node == self._own:
                self._speech.to_owner(texts.own_card_seen())
                return
            self._explain_card(card)
        elif reading.line is None and reading.reason is not None:
            if reading.reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not surely_a_link:
                self._speech.to_owner(texts.not_understood())
            else:
                self._speech.to_owner(texts.refusal(reading.reason, token))

    def _explain_card(self, card: Card, *, others: int = 0) -> None:
        name = book.free_name(self._store, card.name, card.node)
        self._speech.to_owner(texts.card_seen(card, self._store.contact_of(card.node), name, others=others))

    # Commands.

    async def _obey(self, command: commands.Command, chat: str) -> None:
        match command:
            case commands.Call():
                await self._call(command.whom, command.media, chat, command.program)
            case commands.OfferSdp():
                await self._place(await self._whom(command.whom), command.media, chat, "sdp")
            case commands.TakeSdp():
                await self._answer_sdp(command.text, chat, command.whom)
            case commands.LookUp():
                self._look_up(command.name, chat, self._show_name)
            case commands.FollowName():
                self._speech.to_owner(name_texts.followed(*name_book.follow(self._store, command.name)))
            case commands.KeepName():
                self._speech.to_owner(name_texts.stays(name_book.stay(self._store, command.name)))
            case commands.Answer():
                await self._answer(self._ringing(or_held=True), command.media)
            case commands.Decline():
                await self._decline(self._ringing(), command.why)
            case commands.HangUp() if (name := self.lookups.stop()) is not None:
                self._speech.to_owner(name_texts.given_up(name))
            case commands.HangUp():
                line = self._current()
                self.switchboard.hang_up(line)
                await _over(line)
            case commands.ListContacts():
                self._speech.to_owner(texts.contacts(book.listed(self._store)))
            case commands.AddContact():
                self._add_contact(command.name, command.whom, chat)
            case commands.ShowContact():
                contact = book.named(self._store, command.name)
                self._speech.to_owner(texts.contact_details(contact, book.is_paired(self._store, contact)))
            case commands.SetTrust():
                contact = book.set_trust(
                    self._store,
                    command.name,
                    command.trust,
                    command.media,
                    command.hours,
                    unproven=command.unproven,
                    classic=command.classic,
                )
                self._speech.to_owner(texts.trust_set(contact, book.is_paired(self._store, contact)))
            case commands.ConfirmContact():
                self._speech.to_owner(texts.confirmed(*book.confirm(self._store, command.name, command.words)))
            case commands.SetProgram():
                self._speech.to_owner(texts.program_set(book.set_program(self._store, command.name, command.program)))
            case commands.SetEndpoint():
                contact = book.set_endpoint(self._store, command.name, command.endpoint)
                self._speech.to_owner(texts.endpoint_set(contact))
            case commands.RenameContact():
                renamed = book.rename(self._store, command.old, command.new)
                self._speech.to_owner(texts.renamed(command.old, renamed.name))
            case commands.RemoveContact():
                self._speech.to_owner(texts.removed(book.remove(self._store, command.name)))
            case commands.ShowCard():
                card = self._own_card()
                self._speech.to_owner(texts.card(card.token, card.name), card.token)
            case commands.OpenHandset() if self._has_page:
                self._speech.to_owner(texts.HANDSET_PAGE, handset=True)
            case commands.OpenHandset():
                raise InputError(
                    "The handset page is switched off.", "Set enabled = true under [handset], and start me again."
                )
            case commands.Status():
                self._speech.to_owner(texts.status(str(self._own), self._overlay, self.switchboard.lines))
                for line in self.switchboard.lines:
                    self._call_changed(line)
            case commands.Help():
                self._speech.to_owner(texts.help_with(page=self._has_page))

    async def _call(self, whom: str, media: Media, chat: str, program: str | None) -> None:
        if self.lookups.knows(whom):
            self._look_up(whom, chat, functools.partial(self._call_named, media=media, chat=chat, program=program))
            return
        await self._place(await self._whom(whom), media, chat, program)

    async def _call_named(self, answer: Answer, media: Media, chat: str, program: str | None) -> None:
        self._speech.to_owner(name_texts.found(answer))
        await self._place(_meant(answer), media, chat, program)

    async def _place(self, who: book.Whom, media: Media, chat: str, program: str | None) -> None:
        line = await self._dial(who, media, chat, program=program)
        if not line.call.ended:
            self._speech.about(line, texts.calling(line), actions=(Act.HANG_UP,), live=True)

    async def _dial(
        self,
        who: book.Whom,
        media: Media,
        chat: str,
        *,
        endpoint: str | None = None,
        provisional: bool = False,
        program: str | None = None,
    ) -> Line:
        """Place a call; a card that they are called by seals the first link, and says which bot it is for."""
        if who.card is not None:
            self._origins.called_by(who.node, who.card)
        key = who.card.sealing_key if who.card else None
        return await self.switchboard.place(
            who.node, media, sealing_key=key, chat=chat, endpoint=endpoint, provisional=provisional, program=program
        )

    async def _whom(self, text: str) -> book.Whom:
        """Who is meant: a node id, a card, or a name in the book. Raises InputError."""
        if self.lookups.knows(text):
            raise InputError(f"{texts.shown(text, 60)} has to be looked up first.", f"/call {texts.shown(text, 60)}")
        if (who := book.whom(text)) is not None:
            return who
        answer = await ContactBook(self._store).resolve(text)
        if answer is None:
            raise NameNotFound(f"No one is known as {texts.shown(text, 60)}.")
        return book.Whom(answer.node)

    # Names of name systems. Nobody waits for their servers but who has asked.

    def _look_up(self, name: str, chat: str, then: Callable[[Answer], Awaitable[None]]) -> None:
        """Begin to look a name up, and go on with `then` in a turn of its own. Raises CallRefused, NameNotFound."""
        if not self.lookups.knows(name):
            raise NameNotFound(
                f"{texts.shown(name, 60)} is no name that can be looked up.", f"They end in {endings.in_words()}."
            )
        finish = functools.partial(self._go_on, chat=chat, then=then, awaited=self._awaited is not None)
        task = self.lookups.begin(name, finish)
        if self._awaited is not None:
            self._awaited.append(task)
        self._speech.to_owner(name_texts.looking_up(name))

    async def _go_on(
        self, found: Answer | CopybaraError, *, chat: str, then: Callable[[Answer], Awaitable[None]], awaited: bool
    ) -> Outcome:
        async with self._turn:
            with self._speech.listening(chat) as heard:
                try:
                    if isinstance(found, CopybaraError):
                        raise found
                    await then(found)
                except CopybaraError as error:
                    if awaited:
                        return heard, error
                    self._tell(error)
            return heard, None

    async def _looked_up(self, name: str) -> Answer:
        """Where a name leads. Raises CopybaraError."""

        async def found(result: Answer | CopybaraError) -> Answer | CopybaraError:
            return result

        result = await self.lookups.begin(name, found)
        if isinstance(result, NameHeld):
            result.hint = name_texts.decide(result)
        if isinstance(result, CopybaraError):
            raise result
        return result

    async def _show_name(self, answer: Answer) -> None:
        self._speech.to_owner(name_texts.details(answer, int(time.time())))

    async def _save_named(self, answer: Answer, name: str) -> None:
        self._saved(book.add(self._store, name, _meant(answer), own=self._own))

    async def _answer(self, line: Line, media: Media | None) -> None:
        held = line.held is not None
        await self.switchboard.answer(line, media)
        if held:
            self._news.changed(line)
        else:
            self._speech.about(line, texts.answering(line), actions=(Act.HANG_UP,), live=True)

    async def _decline(self, line: Line, why: str = "") -> None:
        if why:
            self._news.because(line, why)
        self.switchboard.decline(line)
        await _over(line)

    def _ringing(self, *, or_held: bool = False) -> Line:
        """The call that rings; the latest if several do. `or_held`: else one that waits for the owner's word.

        Raises CallRefused.
        """
        for wanted in (State.RINGING, State.ACTIVE, State.RECONNECTING):
            for line in reversed(self.switchboard.lines):
                if line.call.state is wanted and (wanted is State.RINGING or (or_held and line.held is not None)):
                    return line
        raise NothingRings()

    def _current(self) -> Line:
        """The call that /hangup means: the one that takes the owner's time, else the one that rings."""
        engaged = [line for line in self.switchboard.lines if line.occupies]
        if not (engaged or self.switchboard.lines):
            raise NoCall()
        return (engaged or self.switchboard.lines)[-1]

    def _add_contact(self, name: str, text: str | None, chat: str) -> None:
        if text is None:
            line = self.switchboard.lines.latest
            if line is None:
                raise InputError("There has been no call yet.", "Write /contact add NAME NODE-ID, or paste their card.")
            who = self._origins.whom(line.peer)
        elif (read := book.whom(text)) is not None:
            who = read
        elif self.lookups.knows(text):
            self._look_up(text, chat, functools.partial(self._save_named, name=check_name(name)))
            return
        else:
            raise InputError("That is neither a node id nor a contact card.", "The other person's /card shows both.")
        self._saved(book.add(self._store, name, who, own=self._own))

    def _named(self, contact: Contact) -> None:
        self.switchboard.rename(contact.node, contact.name)
        if any(line.peer == contact.node and line.connected is not None for line in self.switchboard.lines):
            self._news.learn(contact.node)
        latest = self.switchboard.lines.latest
        if latest is not None and latest.peer == contact.node:
            self._news.learn(contact.node)

    def _saved(self, contact: Contact) -> None:
        self._named(contact)
        latest = self.switchboard.lines.latest
        said = texts.contact_saved(contact, book.is_paired(self._store, contact))
        self._speech.to_owner(said, actions=(Act.TRUST,), contact=contact, call=latest.id if latest else None)

    # Taps.

    async def _act(self, action: Action) -> str:
        match action.act:
            case Act.ANSWER:
                await self._answer(self._line(action.call), None)
                return texts.TAPPED[action.act]
            case Act.ANSWER_AUDIO:
                await self._answer(self._line(action.call), Media.AUDIO)
            case Act.DECLINE:
                await self._decline(self._line(action.call))
            case Act.BLOCK:
                line = self._line(action.call)
                self._speech.to_owner(texts.trust_set(await self.block(line), True))
                await _over(line)
            case Act.HANG_UP:
                line = self._line(action.call)
                self.switchboard.hang_up(line)
                await _over(line)
            case Act.SAVE:
                node = self._node_of(action.call)
                if (known := self._store.contact_of(node)) is not None:
                    return texts.known_as(known).text
                self._saved(self._contact_for(node))
            case Act.TRUST:
                contact = self._contact_for(self._node_of(action.call))
                contact = book.set_trust(self._store, contact.name, Trust.AUTO, None)
                self._speech.to_owner(texts.trust_set(contact, book.is_paired(self._store, contact)))
            case Act.CONFIRM:
                words = next((line.phrase for line in self.switchboard.lines if line.id == action.call), "")
                contact = self._contact_for(self._node_of(action.call))
                self._speech.to_owner(texts.confirmed(*book.confirm(self._store, contact.name, words)))
        return texts.TAPPED[action.act]

    def _line(self, call: str) -> Line:
        """A call that isn't over. Raises CallRefused."""
        for line in self.switchboard.lines:
            if line.id == call:
                return line
        raise CallOver()

    def _node_of(self, call: str) -> NodeId:
        """Whose call it is or was. Raises CallRefused if that isn't known any more."""
        latest = self.switchboard.lines.latest
        lines = self.switchboard.lines if latest is None else [*self.switchboard.lines, latest]
        for line in lines:
            if line.id == call:
                return line.peer
        for record in self._store.call_log(CALLS_REMEMBERED):
            if record.reference.hex() == call:
                return record.peer
        raise CallOver("That call is too long ago.", "Use /contact add NAME NODE-ID.")

    def _contact_for(self, node: NodeId) -> Contact:
        """The contact of that node, saved now if there is none, under the name that its messenger gives."""
        known = self._store.contact_of(node)
        if known is not None:
            return known
        name = book.free_name(self._store, self._origins.name_of(node), node)
        return book.add(self._store, name, self._origins.whom(node), own=self._own)

    # What the overlay's watch tells.

    async def overlay_changed(self, state: OverlayState) -> None:
        """Tell the owner when calls can't be made any more, and when they can again."""
        self.switchboard.overlay_changed()
        if state.error is not None:
            self._speech.to_owner(texts.overlay_down(self._overlay, state.error))
        elif self._overlay_was_down:
            self._speech.to_owner(texts.overlay_back(self._overlay))
        self._overlay_was_down = state.error is not None

    def _tell(self, error: CopybaraError) -> None:
        self._speech.to_owner(name_texts.held(error) if isinstance(error, NameHeld) else of_error(error))


async def _over(line: Line) -> None:
    """Wait a moment for the end that was asked for, so that the same answer can report it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await line.over.wait()


async def _first_of(*events: asyncio.Event) -> None:
    """Wait, not long, for one of them."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _meant(answer: Answer) -> book.Whom:
    """Whom a name means: its node, and the card in its records."""
    return book.Whom(answer.node, name_book.card_of(answer))
