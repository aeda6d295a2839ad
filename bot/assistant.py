"""What the bot does with a message. Knows no messenger: messages come in as values, posts go out as values."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from bot import book, commands, name_book, name_texts, texts
from bot.conversation import (
    EVERYWHERE,
    MAX_MESSAGE,
    RINGING,
    Act,
    Action,
    Identity,
    IncomingMessage,
    Post,
)
from bot.lookups import Lookups
from peer.line import Line
from peer.news import (
    AnsweredAlone,
    Changed,
    MediaAgreed,
    MediaArrived,
    News,
    Paired,
    PhraseKnown,
    Posted,
    Recorded,
    RemoteAnsweredAlone,
    RemoteMediaChanged,
    Rings,
    Said,
    TakesMessage,
    Wrote,
)
from peer.overlay.watch import OverlayState
from peer.switchboard import STOP_SECONDS, Reading, Switchboard
from shared.call import State
from shared.card import Card
from shared.contacts import Contact, Trust, check_name
from shared.errors import CallRefused, CopybaraError, InputError, NameHeld, NameNotFound
from shared.events import RemoteRinging
from shared.links import find
from shared.media import Media
from shared.names import Answer
from shared.names.book import ContactBook
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store

CALLS_REMEMBERED = 100
"Calls whose origin is kept, so that it can be saved with the contact."

_Kept = TypeVar("_Kept")

Outcome = tuple[list[Post], CopybaraError | None]
"What was posted after a name was looked up, and why nothing else was done."


class Assistant:
    """One owner's assistant."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: str,
        store: Store,
        lookups: Lookups,
        own_card: Callable[[], Card],
        post: Callable[[Post], None],
        call_changed: Callable[[Line], None],
        send_recordings: bool = False,
    ) -> None:
        """`post` writes a message, `call_changed` shows a call's new state; neither may block.

        `send_recordings`: whether a recording goes along as a file, and not only its path.
        """
        self.switchboard: Switchboard
        "Set by whoever makes both: each tells the other."

        self._own = own
        self._overlay = overlay
        self._store = store
        self.lookups = lookups
        self._awaited: list[asyncio.Task[Outcome]] | None = None
        "The look-ups that the present command has begun, if somebody waits for them."

        self._own_card = own_card
        self._write = post
        self._send_recordings = send_recordings
        self._call_changed = call_changed
        self._overlay_was_down = False
        self._turn = asyncio.Lock()
        self._heard: list[Post] | None = None
        self._chat = EVERYWHERE
        self._why: dict[int, str] = {}
        self._origins: OrderedDict[NodeId, Identity | None] = OrderedDict()
        "Who the links of a node came from; None if it was several."

        self._cards: OrderedDict[NodeId, Card] = OrderedDict()
        "The cards that nodes were called by."

    async def hear(self, message: IncomingMessage) -> list[Post]:
        """Act on one message, and return everything that was posted meanwhile.

        Never raises for what stands in a message. Only the owner commands; links are read from everybody.
        """
        text = message.text[:MAX_MESSAGE]
        async with self._turn:
            with self._listening(message.chat) as heard:
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
            with self._listening(chat) as heard:
                awaited: list[asyncio.Task[Outcome]] = []
                self._awaited = awaited
                try:
                    await self._obey(commands.parse(text), chat)
                finally:
                    self._awaited = None
        for task in awaited:
            await asyncio.wait([task])
            if task.cancelled():
                raise CallRefused("The name isn't looked up any more.", "")
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
            with self._listening(chat):
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
        """Call somebody, with the endpoint given in the place of the usual one. Raises CopybaraError."""
        answer = await self._looked_up(whom) if self.lookups.knows(whom) else None
        async with self._turn:
            who = _meant(answer) if answer else await self._whom(whom)
            return await self._dial(who, media, chat, endpoint=endpoint)

    def save(self, name: str, who: book.Whom) -> Contact:
        """Save somebody under a name, in the calls that are up as well. Raises InputError."""
        contact = book.add(self._store, name, who if who.card else self._known(who.node), own=self._own)
        self._named(contact)
        return contact

    def confirm(self, line: Line) -> None:
        """The link of a prepared call was posted: from now on it is a call like any other."""
        if line.provisional and not line.call.ended:
            line.provisional = False
            if line.call.state is State.CALLING:
                self._about(line, texts.calling(line), actions=(Act.HANG_UP,), live=True)

    def discard(self, line: Line) -> None:
        """End a call that was prepared and isn't wanted any more."""
        if line.provisional and line.call.state is State.CALLING:
            self.switchboard.hang_up(line)

    def greet(self) -> None:
        """Tell the owner what a crash has ended."""
        for call in self.switchboard.interrupted:
            text = texts.interrupted(call.name or call.peer.short)
            self._emit(Post("owner", text, chat=EVERYWHERE, call=call.reference.hex(), live=True))

    @contextlib.contextmanager
    def _listening(self, chat: str) -> Iterator[list[Post]]:
        """Collect what is posted, and let what isn't said elsewhere be said in `chat`."""
        heard: list[Post] = []
        self._heard, self._chat = heard, chat
        try:
            yield heard
        finally:
            self._heard, self._chat = None, EVERYWHERE

    def unfinished(self) -> frozenset[asyncio.Task[Any]]:
        """What goes on after a message was heard: names that are looked up."""
        return self.lookups.tasks

    # Links.

    async def _read(self, text: str, message: IncomingMessage) -> None:
        found = find(text)
        if not found and message.from_owner and message.alone:
            self._to_owner("I see no link and no command in that. /help lists what I can do.")
        for link in found:
            reading = await self.switchboard.read(link.token, chat=message.chat, again=message.again)
            if reading.line is not None and message.identity is not None:
                self._came_from(reading.line, message.identity)
            if reading.missed is not None and message.tell_missed:
                self._emit(Post("owner", texts.missed(reading.missed), chat=message.chat, missed=reading.missed))
            elif message.from_owner and message.alone:
                self._explain(reading, surely_a_link=link.prefixed)
            elif reading.card is not None and message.identity is not None and reading.card.node != self._own:
                self._explain(reading, surely_a_link=True)

    def _came_from(self, line: Line, identity: Identity) -> None:
        known = self._origins.get(line.peer, identity)
        # In a first contact anybody may write a response, so two that differ say nothing.
        _remember(self._origins, line.peer, identity if known == identity else None)

    def _learn(self, node: NodeId) -> None:
        """After a call has connected: where its links came from is where later ones may go. Never trust."""
        contact, identity = self._store.contact_of(node), self._origins.get(node)
        if contact is not None and identity is not None:
            book.learn(self._store, contact, identity)

    def _explain(self, reading: Reading, *, surely_a_link: bool) -> None:
        """In the owner's own chat every link gets a word; in a chat with others none that isn't for us does."""
        if (card := reading.card) is not None:
            if card.node == self._own:
                self._to_owner(texts.own_card_seen())
                return
            name = book.free_name(self._store, card.name, card.node)
            self._to_owner(texts.card_seen(card, self._store.contact_of(card.node), name))
        elif reading.line is None and reading.reason is not None:
            if reading.reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not surely_a_link:
                self._to_owner("I see no link and no command in that. /help lists what I can do.")
            else:
                self._to_owner(texts.refusal(reading.reason))

    # Commands.

    async def _obey(self, command: commands.Command, chat: str) -> None:
        match command:
            case commands.Call():
                await self._call(command.whom, command.media, chat)
            case commands.LookUp():
                self._look_up(command.name, chat, self._show_name)
            case commands.FollowName():
                self._to_owner(name_texts.followed(*name_book.follow(self._store, command.name)))
            case commands.KeepName():
                self._to_owner(name_texts.stays(name_book.stay(self._store, command.name)))
            case commands.Answer():
                await self._answer(self._ringing(), command.media)
            case commands.Decline():
                await self._decline(self._ringing(), command.why)
            case commands.HangUp() if (name := self.lookups.stop()) is not None:
                self._to_owner(name_texts.given_up(name))
            case commands.HangUp():
                line = self._current()
                self.switchboard.hang_up(line)
                await _over(line)
            case commands.ListContacts():
                contacts = self._store.contacts()
                self._to_owner("\n".join(map(texts.contact_line, contacts)) or texts.no_contacts())
            case commands.AddContact():
                self._add_contact(command.name, command.whom, chat)
            case commands.ShowContact():
                contact = book.named(self._store, command.name)
                self._to_owner(texts.contact_details(contact, book.is_paired(self._store, contact)))
            case commands.SetTrust():
                contact = book.set_trust(self._store, command.name, command.trust, command.media, command.hours)
                self._to_owner(texts.trust_set(contact))
            case commands.SetEndpoint():
                self._to_owner(texts.endpoint_set(book.set_endpoint(self._store, command.name, command.endpoint)))
            case commands.RenameContact():
                renamed = book.rename(self._store, command.old, command.new)
                self._to_owner(texts.renamed(command.old, renamed.name))
            case commands.RemoveContact():
                self._to_owner(texts.removed(book.remove(self._store, command.name)))
            case commands.ShowCard():
                card = self._own_card()
                self._to_owner(texts.card(card.token, card.name), card.token)
            case commands.Status():
                self._to_owner(texts.status(str(self._own), self._overlay, self.switchboard.lines))
                for line in self.switchboard.lines:
                    self._call_changed(line)
            case commands.Help():
                self._to_owner(texts.HELP)

    async def _call(self, whom: str, media: Media, chat: str) -> None:
        if self.lookups.knows(whom):
            self._look_up(whom, chat, functools.partial(self._call_named, media=media, chat=chat))
            return
        await self._place(await self._whom(whom), media, chat)

    async def _call_named(self, answer: Answer, media: Media, chat: str) -> None:
        self._to_owner(name_texts.found(answer))
        await self._place(_meant(answer), media, chat)

    async def _place(self, who: book.Whom, media: Media, chat: str) -> None:
        line = await self._dial(who, media, chat)
        if not line.call.ended:
            self._about(line, texts.calling(line), actions=(Act.HANG_UP,), live=True)

    async def _dial(
        self, who: book.Whom, media: Media, chat: str, *, endpoint: str | None = None, provisional: bool = False
    ) -> Line:
        """Place a call; a card that they are called by seals the first link, and says which bot it is for."""
        if who.card is not None:
            _remember(self._cards, who.node, who.card)
        key = who.card.sealing_key if who.card else None
        return await self.switchboard.place(
            who.node, media, sealing_key=key, chat=chat, endpoint=endpoint, provisional=provisional
        )

    async def _whom(self, text: str) -> book.Whom:
        """Who is meant: a node id, a card, or a name in the book. Raises InputError."""
        if self.lookups.knows(text):
            raise InputError(f"{texts.shown(text, 60)} has to be looked up first.", f"/call {texts.shown(text, 60)}")
        if (who := book.whom(text)) is not None:
            return who
        answer = await ContactBook(self._store).resolve(text)
        if answer is None:
            raise NameNotFound(f"Nobody is known as {texts.shown(text, 60)}.")
        return book.Whom(answer.node)

    # Names of name systems. Nobody waits for their servers but who has asked.

    def _look_up(self, name: str, chat: str, then: Callable[[Answer], Awaitable[None]]) -> None:
        """Begin to look a name up, and go on with `then` in a turn of its own. Raises CallRefused, NameNotFound."""
        if not self.lookups.knows(name):
            raise NameNotFound(
                f"{texts.shown(name, 60)} is no name that can be looked up.", "They end in .azero, .a0, .tzero or .eth."
            )
        finish = functools.partial(self._go_on, chat=chat, then=then, awaited=self._awaited is not None)
        task = self.lookups.begin(name, finish)
        if self._awaited is not None:
            self._awaited.append(task)
        self._to_owner(name_texts.looking_up(name))

    async def _go_on(
        self, found: Answer | CopybaraError, *, chat: str, then: Callable[[Answer], Awaitable[None]], awaited: bool
    ) -> Outcome:
        async with self._turn:
            with self._listening(chat) as heard:
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
        self._to_owner(name_texts.details(answer, int(time.time())))

    async def _save_named(self, answer: Answer, name: str) -> None:
        self._saved(book.add(self._store, name, _meant(answer), own=self._own))

    async def _answer(self, line: Line, media: Media | None) -> None:
        await self.switchboard.answer(line, media)
        self._about(line, texts.answering(line), actions=(Act.HANG_UP,), live=True)

    async def _decline(self, line: Line, why: str = "") -> None:
        if why:
            self._why[line.number] = why
        self.switchboard.decline(line)
        await _over(line)

    def _ringing(self) -> Line:
        """The call that rings; the latest if several do. Raises CallRefused."""
        for line in reversed(self.switchboard.lines):
            if line.call.state is State.RINGING:
                return line
        raise CallRefused("Nobody is calling.", "Wait for a call, or make one with /call NAME.")

    def _current(self) -> Line:
        """The call that /hangup means: the one that takes the owner's time, else the one that rings."""
        engaged = [line for line in self.switchboard.lines if line.engaged]
        if not (engaged or self.switchboard.lines):
            raise CallRefused("There is no call to end.", "/call NAME makes one.")
        return (engaged or self.switchboard.lines)[-1]

    def _add_contact(self, name: str, text: str | None, chat: str) -> None:
        if text is None:
            line = self.switchboard.latest
            if line is None:
                raise InputError("There has been no call yet.", "Write /contact add NAME NODE-ID, or paste their card.")
            who = self._known(line.peer)
        elif (read := book.whom(text)) is not None:
            who = read
        elif self.lookups.knows(text):
            self._look_up(text, chat, functools.partial(self._save_named, name=check_name(name)))
            return
        else:
            raise InputError("That is neither a node id nor a contact card.", "The other person's /card shows both.")
        self._saved(book.add(self._store, name, who, own=self._own))

    def _named(self, contact: Contact) -> None:
        for line in self.switchboard.lines:
            if line.peer == contact.node:
                line.contact = contact.name
                if line.connected is not None:
                    self._learn(contact.node)
        latest = self.switchboard.latest
        if latest is not None and latest.peer == contact.node:
            self._learn(contact.node)

    def _saved(self, contact: Contact) -> None:
        self._named(contact)
        latest = self.switchboard.latest
        text = texts.contact_saved(contact, book.is_paired(self._store, contact))
        self._to_owner(text, actions=(Act.TRUST,), contact=contact, call=latest.id if latest else None)

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
                self.switchboard.ignore(line)
                contact = self._contact_for(line.peer)
                self._to_owner(texts.trust_set(book.set_trust(self._store, contact.name, Trust.BLOCK, None)))
                await _over(line)
            case Act.HANG_UP:
                line = self._line(action.call)
                self.switchboard.hang_up(line)
                await _over(line)
            case Act.SAVE:
                node = self._node_of(action.call)
                if (known := self._store.contact_of(node)) is not None:
                    return texts.known_as(known)
                self._saved(self._contact_for(node))
            case Act.TRUST:
                contact = self._contact_for(self._node_of(action.call))
                self._to_owner(texts.trust_set(book.set_trust(self._store, contact.name, Trust.AUTO, None)))
        return texts.TAPPED[action.act]

    def _line(self, call: str) -> Line:
        """A call that isn't over. Raises CallRefused."""
        for line in self.switchboard.lines:
            if line.id == call:
                return line
        raise CallRefused("That call is over.", "")

    def _node_of(self, call: str) -> NodeId:
        """Whose call it is or was. Raises CallRefused if that isn't known any more."""
        latest = self.switchboard.latest
        lines = self.switchboard.lines if latest is None else [*self.switchboard.lines, latest]
        for line in lines:
            if line.id == call:
                return line.peer
        for record in self._store.call_log(CALLS_REMEMBERED):
            if record.reference.hex() == call:
                return record.peer
        raise CallRefused("That call is too long ago.", "Use /contact add NAME NODE-ID.")

    def _contact_for(self, node: NodeId) -> Contact:
        """The contact of that node, saved now if there is none, under the name that its messenger gives."""
        known = self._store.contact_of(node)
        if known is not None:
            return known
        who, identity = self._known(node), self._origins.get(node)
        name = identity.shown if identity else who.card.name if who.card else ""
        return book.add(self._store, book.free_name(self._store, name, node), who, own=self._own)

    def _known(self, node: NodeId) -> book.Whom:
        """A node, with the card that it was called by."""
        return book.Whom(node, self._cards.get(node))

    # What the overlay's watch and the switchboard tell.

    async def overlay_changed(self, state: OverlayState) -> None:
        """Tell the owner when calls can't be made any more, and when they can again."""
        if state.error is not None:
            self._to_owner(texts.overlay_down(self._overlay, state.error))
        elif self._overlay_was_down:
            self._to_owner(texts.overlay_back(self._overlay))
        self._overlay_was_down = state.error is not None

    def told(self, line: Line, news: News) -> None:
        """Put what happens to calls into words."""
        match news:
            case Posted():
                self._post_link(line, news.token)
            case Rings():
                self._about(line, texts.rings(line, news.reason), actions=RINGING, live=True)
            case AnsweredAlone():
                self._about(line, texts.answered_alone(line), actions=(Act.HANG_UP,), live=True)
            case TakesMessage():
                self._about(line, texts.takes_message(line), actions=(Act.HANG_UP,), live=True)
            case Recorded():
                file = news.path if self._send_recordings else None
                self._emit(Post("owner", texts.recorded(line, news.path), chat=line.chat, line=line, file=file))
            case PhraseKnown():
                if not line.call.paired:
                    self._about(line, texts.phrase(line), actions=() if line.contact else (Act.SAVE,))
            case Said():
                ringing = isinstance(news.noted.event, RemoteRinging)
                self._about(line, texts.remote_rings(line) if ringing else texts.unproven(line))
            case Wrote():
                self._about(line, texts.wrote(line, news.text))
            case Changed():
                self._changed(line)
            case RemoteAnsweredAlone():
                self._about(line, texts.remote_answered_alone(line))
            case MediaArrived() | MediaAgreed() | Paired():
                if not line.call.ended:  # its end is told with everything that belongs to it, and only then
                    self._call_changed(line)
            case RemoteMediaChanged():
                pass  # seen where the picture is

    def _changed(self, line: Line) -> None:
        match line.call.state:
            case State.ACTIVE:
                self._learn(line.peer)
                self._about(line, texts.connected(line), actions=(Act.HANG_UP,), live=True)
            case State.RECONNECTING:
                self._about(line, texts.reconnecting(line), actions=(Act.HANG_UP,), live=True)
            case State.ENDED:
                self._why.pop(line.number, None)
                if not (line.provisional and line.connected is None):
                    self._about(line, texts.ended(line), live=True)
        self._call_changed(line)

    def _post_link(self, line: Line, token: str) -> None:
        text = texts.link_in_chat(line, token)
        if (why := self._why.pop(line.number, "")) and line.call.ended:
            text = f"{texts.declined_with(why)} {text}"
        contact = self._store.contact_of(line.peer)
        self._emit(
            Post("chat", text, token, line.chat, line=line, contact=contact, their_bot=self._bot_of(line, contact))
        )

    def _bot_of(self, line: Line, contact: Contact | None) -> str | None:
        """The Telegram bot that a link of this call is for, as far as anything is known of it.

        Who has come to the owner may have come from elsewhere than the card says, so where they wrote from goes first.
        """
        card, identity = self._cards.get(line.peer), self._origins.get(line.peer)
        return (
            (contact.telegram_bot if contact else None)
            or (identity.bot if identity else None)
            or (card.telegram_bot if card else "")
            or None
        )

    def _about(self, line: Line, text: str, *, actions: tuple[Act, ...] = (), live: bool = False) -> None:
        """Tell the owner about a call, where its links are read and written."""
        self._emit(Post("owner", text, chat=line.chat, actions=actions, line=line, live=live))

    def _tell(self, error: CopybaraError) -> None:
        text = name_texts.held(error) if isinstance(error, NameHeld) else f"{error.sentence} {error.hint}".strip()
        self._to_owner(text)

    def _to_owner(
        self,
        text: str,
        token: str | None = None,
        *,
        actions: tuple[Act, ...] = (),
        contact: Contact | None = None,
        call: str | None = None,
    ) -> None:
        self._emit(Post("owner", text, token, self._chat, actions=actions, contact=contact, call=call))

    def _emit(self, post: Post) -> None:
        if self._heard is not None:
            self._heard.append(post)
        self._write(post)


async def _over(line: Line) -> None:
    """Wait, not long, for the end that was asked for, so that it is told in the same breath."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await line.over.wait()


def _meant(answer: Answer) -> book.Whom:
    """Whom a name means: its node, and the card in its records."""
    return book.Whom(answer.node, name_book.card_of(answer))


def _remember(kept: OrderedDict[NodeId, _Kept], node: NodeId, value: _Kept) -> None:
    """Keep something of a node, and of no more nodes than needed."""
    kept[node] = value
    kept.move_to_end(node)
    while len(kept) > CALLS_REMEMBERED:
        kept.popitem(last=False)
