"""What the bot does with a message. Knows no messenger: messages come in as values, posts go out as values."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bot import book, commands, texts
from bot.conversation import MAX_MESSAGE, IncomingMessage, Post
from peer.line import Line
from peer.news import AnsweredAlone, Changed, MediaArrived, News, Paired, PhraseKnown, Posted, Rings, Said, Wrote
from peer.overlay.watch import OverlayState
from peer.switchboard import STOP_SECONDS, Reading, Switchboard
from shared.call import State
from shared.card import Card
from shared.errors import CallRefused, CopybaraError, InputError, NameNotFound
from shared.events import RemoteRinging
from shared.links import find
from shared.media import Media
from shared.names import Resolver
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store


class Assistant:
    """One owner's assistant."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: str,
        store: Store,
        names: Resolver,
        own_card: Card,
        post: Callable[[Post], None],
        call_changed: Callable[[Line], None],
    ) -> None:
        """`post` writes a message, `call_changed` shows a call's new state; neither may block."""
        self.switchboard: Switchboard
        "Set by whoever makes both: each tells the other."

        self._own = own
        self._overlay = overlay
        self._store = store
        self._names = names
        self._own_card = own_card
        self._write = post
        self._call_changed = call_changed
        self._overlay_was_down = False
        self._turn = asyncio.Lock()
        self._heard: list[Post] | None = None
        self._why: dict[int, str] = {}

    async def hear(self, message: IncomingMessage) -> list[Post]:
        """Act on one message, and return everything that was posted meanwhile.

        Never raises for what stands in a message. Only the owner commands; links are read from everybody.
        """
        text = message.text[:MAX_MESSAGE]
        async with self._turn:
            self._heard = []
            try:
                if not (message.from_owner and commands.is_command(text)):
                    await self._read(text, message)
                else:
                    await self._obey(commands.parse(text), message)
            except CopybaraError as error:
                self._to_owner(f"{error.sentence} {error.hint}".strip())
            heard, self._heard = self._heard, None
            return heard

    def greet(self) -> None:
        """Tell the owner what a crash has ended."""
        for call in self.switchboard.interrupted:
            self._to_owner(texts.interrupted(call.name or call.peer.short))

    # Links.

    async def _read(self, text: str, message: IncomingMessage) -> None:
        found = find(text)
        if not found and message.from_owner:
            self._to_owner("I see no link and no command in that. /help lists what I can do.")
        for link in found:
            reading = await self.switchboard.read(link.token, chat=message.chat)
            if message.from_owner:
                self._explain(reading, surely_a_link=link.prefixed)

    def _explain(self, reading: Reading, *, surely_a_link: bool) -> None:
        """In the owner's own chat every link gets a word; in a chat with others none that isn't for us does."""
        if reading.card is not None:
            self._to_owner(texts.card_seen(reading.card, self._store.contact_of(reading.card.node)))
        elif reading.line is None and reading.reason is not None:
            if reading.reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not surely_a_link:
                self._to_owner("I see no link and no command in that. /help lists what I can do.")
            else:
                self._to_owner(texts.refusal(reading.reason))

    # Commands.

    async def _obey(self, command: commands.Command, message: IncomingMessage) -> None:
        match command:
            case commands.Call():
                await self._call(command.whom, command.media, message.chat)
            case commands.Answer():
                line = self._ringing()
                await self.switchboard.answer(line, command.media)
                self._to_owner(texts.answering(line))
            case commands.Decline():
                await self._decline(command.why)
            case commands.HangUp():
                line = self._current()
                self.switchboard.hang_up(line)
                await _over(line)
            case commands.ListContacts():
                contacts = self._store.contacts()
                self._to_owner("\n".join(map(texts.contact_line, contacts)) or texts.no_contacts())
            case commands.AddContact():
                self._add_contact(command.name, command.whom)
            case commands.ShowContact():
                contact = book.named(self._store, command.name)
                self._to_owner(texts.contact_details(contact, book.is_paired(self._store, contact)))
            case commands.SetTrust():
                contact = book.set_trust(self._store, command.name, command.trust, command.media, command.hours)
                self._to_owner(texts.trust_set(contact))
            case commands.RenameContact():
                renamed = self._store.rename_contact(command.old, command.new)
                self._to_owner(texts.renamed(command.old, renamed.name))
            case commands.RemoveContact():
                self._to_owner(texts.removed(self._store.remove_contact(command.name)))
            case commands.ShowCard():
                token = self._own_card.token
                self._to_owner(texts.card(token, self._own_card.name), token)
            case commands.Status():
                self._to_owner(texts.status(str(self._own), self._overlay, self.switchboard.lines))
                for line in self.switchboard.lines:
                    self._call_changed(line)
            case commands.Help():
                self._to_owner(texts.HELP)

    async def _call(self, whom: str, media: Media, chat: str) -> None:
        node, sealing_key = await self._whom(whom)
        line = await self.switchboard.place(node, media, sealing_key=sealing_key, chat=chat)
        if not line.call.ended:
            self._to_owner(texts.calling(line))

    async def _whom(self, text: str) -> tuple[NodeId, bytes | None]:
        """Who is meant: a node id, a card, or a name; with the card's key. Raises InputError."""
        if (who := book.whom(text)) is not None:
            return who.node, who.card.sealing_key if who.card else None
        answer = await self._names.resolve(text)
        if answer is None:
            raise NameNotFound(f"Nobody is known as {texts.shown(text, 60)}.")
        return answer.node, None

    async def _decline(self, why: str) -> None:
        line = self._ringing()
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

    def _add_contact(self, name: str, text: str | None) -> None:
        if text is None:
            line = self.switchboard.latest
            if line is None:
                raise InputError("There has been no call yet.", "Write /contact add NAME NODE-ID, or paste their card.")
            who = book.Whom(line.peer)
        elif (read := book.whom(text)) is not None:
            who = read
        else:
            raise InputError("That is neither a node id nor a contact card.", "The other person's /card shows both.")
        contact = book.add(self._store, name, who, own=self._own)
        for line in self.switchboard.lines:
            if line.peer == contact.node:
                line.contact = contact.name
        self._to_owner(texts.contact_saved(contact, book.is_paired(self._store, contact)))

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
                self._to_owner(texts.rings(line, news.reason), chat=line.chat)
            case AnsweredAlone():
                self._to_owner(texts.answered_alone(line), chat=line.chat)
            case PhraseKnown():
                if not line.call.paired:
                    self._to_owner(texts.phrase(line), chat=line.chat)
            case Said():
                ringing = isinstance(news.noted.event, RemoteRinging)
                self._to_owner(texts.remote_rings(line) if ringing else texts.unproven(line), chat=line.chat)
            case Wrote():
                self._to_owner(texts.wrote(line, news.text), chat=line.chat)
            case Changed():
                self._changed(line)
            case MediaArrived() | Paired():
                self._call_changed(line)

    def _changed(self, line: Line) -> None:
        match line.call.state:
            case State.ACTIVE:
                self._to_owner(texts.connected(line), chat=line.chat)
            case State.RECONNECTING:
                self._to_owner(texts.reconnecting(line), chat=line.chat)
            case State.ENDED:
                self._why.pop(line.number, None)
                self._to_owner(texts.ended(line), chat=line.chat)
        self._call_changed(line)

    def _post_link(self, line: Line, token: str) -> None:
        text = texts.link_in_chat(line, token)
        if (why := self._why.pop(line.number, "")) and line.call.ended:
            text = f"{texts.declined_with(why)} {text}"
        self._emit(Post("chat", text, token, line.chat))

    def _to_owner(self, text: str, token: str | None = None, *, chat: str = "chat") -> None:
        self._emit(Post("owner", text, token, chat))

    def _emit(self, post: Post) -> None:
        if self._heard is not None:
            self._heard.append(post)
        self._write(post)


async def _over(line: Line) -> None:
    """Wait, not long, for the end that was asked for, so that it is told in the same breath."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await line.over.wait()
