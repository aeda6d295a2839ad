"""Finds out whom and which call the owner means. Places, answers and ends calls."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable

from bot.assistant import contact_names as name_book
from bot.assistant import contacts as book
from bot.assistant import which_call
from bot.assistant.call_news import CallNews
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.assistant.turn import Outcome, Turn, Turns
from bot.assistant.which_call import CALLS_REMEMBERED
from bot.chats import Chats
from bot.conversation import Act, Post
from bot.kinds import Sentence
from bot.texts import chat as texts
from bot.texts import names as name_texts
from bot.texts import overlay as overlay_texts
from bot.texts import refusals
from peer.calls.echo_calls import ECHO, EchoCalls
from peer.calls.line import Line
from peer.calls.switchboard import STOP_SECONDS, Instead, Switchboard
from shared.call.table import State
from shared.errors import CallOver, CallRefused, CopybaraError, InputError, LookingUp, NameHeld, NameNotFound
from shared.media import Media
from shared.names import NamedNode
from shared.names.book import ContactBook
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import Store

Then = Callable[[Turn, NamedNode], Awaitable[None]]
"What to do once a name was found, in a separate turn."


class Calling:
    """Carries out what the owner wants with calls."""

    def __init__(
        self,
        *,
        store: Store,
        switchboard: Switchboard,
        echo: EchoCalls,
        lookups: Lookups,
        chats: Chats,
        turns: Turns,
        origins: Origins,
        news: CallNews,
        wrong: Callable[[], Sentence | None],
    ) -> None:
        """`wrong` gives the problem that prevents calls in the overlay now."""
        self._store = store
        self._switchboard = switchboard
        self._echo = echo
        self._lookups = lookups
        self._chats = chats
        self._turns = turns
        self._origins = origins
        self._news = news
        self._wrong = wrong

    # Who is meant.

    async def whom(self, text: str) -> book.Whom:
        """Find the person whom a node id, a card or a name in the contact book means.

        Raises InputError, NameNotFound.
        """
        if self._lookups.knows(text):
            raise InputError(*refusals.look_up_first(text))
        if (who := book.whom(text)) is not None:
            return who
        answer = await ContactBook(self._store).resolve(text)
        if answer is None:
            raise NameNotFound(*refusals.nobody_known(text, [*self.names(), ECHO]))
        return book.Whom(answer.node)

    def look_up(self, turn: Turn, name: str, then: Then) -> None:
        """Begin to look up a name. Once it is found, `then` is called in a separate turn.

        Raises CallRefused, NameNotFound.

        This turn doesn't wait: only the person who asked waits for the servers of a name system.
        """
        if not self._lookups.knows(name):
            raise NameNotFound(*refusals.no_such_name(name))
        then_go_on = functools.partial(self._go_on, chat=turn.chat, then=then, awaited=turn.awaited)
        turn.lookups.append(self._lookups.begin(name, then_go_on))
        turn.say(name_texts.looking_up(name))

    async def _go_on(self, found: NamedNode | CopybaraError, *, chat: str, then: Then, awaited: bool) -> Outcome:
        async with self._turns.taken(chat, awaited=awaited) as turn:
            try:
                if isinstance(found, CopybaraError):
                    raise found
                await then(turn, found)
            except CopybaraError as error:
                if awaited:
                    return turn.posts, error
                turn.tell(error)
            return turn.posts, None

    async def _looked_up(self, name: str) -> NamedNode:
        """Look up a name and wait for the result. Raises CopybaraError."""

        async def found(result: NamedNode | CopybaraError) -> NamedNode | CopybaraError:
            return result

        try:
            result = await self._lookups.begin(name, found)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise LookingUp(*refusals.LOOK_UP_ENDED) from None  # the look-up was cancelled, not this task
        if isinstance(result, NameHeld):
            result.hint = name_texts.decide(result)
        if isinstance(result, CopybaraError):
            raise result
        return result

    # Which call is meant.

    def answerable(self, whom: str = "") -> Line:
        """The call that /answer means, see which_call. Raises NothingRings, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_answer(self._switchboard.lines, log, time.time(), whom, self.names())

    def declinable(self, argument: str) -> tuple[Line, str]:
        """The call that /decline means, and the words for its caller. Raises NothingRings, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_decline(self._switchboard.lines, log, time.time(), argument, self.names())

    def current(self, whom: str = "") -> Line:
        """The call that /hangup means, see which_call. Raises NoCall, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_hang_up(self._switchboard.lines, whom, self.names(), log, time.time())

    def comparable(self, whom: str = "") -> Line:
        """The call that /differ means, see which_call. Raises NoCall, WhichCall."""
        lines, log = self._switchboard.lines, self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_differ(lines, lines.latest, log, time.time(), whom, self._store.contact_named(whom))

    def comparable_of(self, call: str) -> Line:
        """The call with that `Line.id` and words to compare. Raises CallOver if it is over and not the latest."""
        latest = self._switchboard.lines.latest
        lines = self._switchboard.lines if latest is None else [*self._switchboard.lines, latest]
        for line in lines:
            if line.id == call and which_call.is_to_compare(line):
                return line
        raise CallOver()

    def holdable(self, whom: str = "") -> Line:
        """The call that /hold means, see which_call. Raises NothingToHold, NoCall, WhichCall."""
        return which_call.to_hold(self._switchboard.lines, whom, self.names())

    def on_hold(self, command: str, whom: str = "") -> Line:
        """The call that /resume and /swap mean, see which_call. Raises NotOnHold, NoCall, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_resume(self._switchboard.lines, log, time.time(), command, whom, self.names())

    def recordable(self, what: str, whom: str = "") -> Line:
        """The call that /record means, see which_call. Raises NotRecordable, NothingRecorded, NoCall, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_record(self._switchboard.lines, log, time.time(), what, whom, self.names())

    def writable(self, argument: str, command: str = "/say") -> tuple[Line, str]:
        """The call that /say and /send mean, see which_call, and the text or file. Raises InputError, WhichCall."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_write(self._switchboard.lines, log, time.time(), argument, self.names(), command)

    def sayable(self, argument: str) -> tuple[Line, str, bool]:
        """The call that /say means, the text, and whether it is for that call alone. Raises what `writable` raises."""
        log = self._store.call_log(CALLS_REMEMBERED)
        return which_call.to_say(self._switchboard.lines, log, time.time(), argument, self.names())

    def unsaved(self) -> NodeId:
        """The node that /contact add means without a node, see which_call. Raises InputError, WhichCall."""
        log, nodes = self._store.call_log(CALLS_REMEMBERED), [each.node for each in self._store.contacts()]
        return which_call.to_save(self._switchboard.lines, log, time.time(), nodes)

    def names(self) -> list[str]:
        """The names of all contacts."""
        return [each.name for each in self._store.contacts()]

    def of_id(self, call: str) -> Line:
        """The call with that `Line.id`. Raises CallOver if there is none."""
        for line in self._switchboard.lines:
            if line.id == call:
                return line
        raise CallOver()

    def met(self, node: NodeId, call: str | None = None) -> Line | None:
        """The call with that `Line.id` and node. Without an id, the last connected one with that node.

        None if this run of the program doesn't know it any more.
        """
        lines, latest = self._switchboard.lines, self._switchboard.lines.latest
        all_ = [*([latest] if latest is not None and latest not in lines else ()), *lines]
        if call is not None:
            return next((line for line in all_ if (line.id, line.peer) == (call, node)), None)
        return next((line for line in reversed(all_) if line.peer == node and line.connection.connected), None)

    def node_of(self, call: str) -> NodeId:
        """The other node of a call, by its `Line.id`.

        Raises CallOver if the call ended too long ago to be in the log.
        """
        latest = self._switchboard.lines.latest
        lines = self._switchboard.lines if latest is None else [*self._switchboard.lines, latest]
        for line in lines:
            if line.id == call:
                return line.peer
        for record in self._store.call_log(CALLS_REMEMBERED):
            if record.reference.hex() == call:
                return record.peer
        raise CallOver(*refusals.TOO_LONG_AGO)

    # Making calls.

    async def call(self, turn: Turn, whom: str, media: Media, program: str | None) -> None:
        """Call somebody. A name of a name system is looked up first. Raises CopybaraError.

        `echo` makes a test call, unless a contact has that name.
        """
        if whom.lower() == ECHO and program is None and ECHO not in map(str.lower, self.names()):
            line = await self._echo.place(media, chat=turn.chat, begins_off=turn.in_clear)
            await self._placed(turn, line, texts.test_call)
        elif self._lookups.knows(whom):
            self.look_up(turn, whom, functools.partial(self._call_named, media=media, program=program))
        else:
            await self.place(turn, await self.whom(whom), media, program)

    async def _call_named(self, turn: Turn, answer: NamedNode, *, media: Media, program: str | None) -> None:
        turn.say(name_texts.found(answer))
        await self.place(turn, meant(answer), media, program)

    async def place(self, turn: Turn, who: book.Whom, media: Media, program: str | None) -> None:
        """Call somebody, and tell the owner. Raises CopybaraError."""
        key, chat = self._key_on_card(who), turn.chat
        line = await self._switchboard.place(
            who.node, media, sealing_key=key, chat=chat, program=program, begins_off=turn.in_clear
        )
        await self._placed(turn, line, self._said_of)

    def _said_of(self, line: Line) -> Sentence:
        return overlay_texts.beside(texts.calling(line, by_hand=self._chats.is_by_hand(line.chat)), self._wrong())

    async def _placed(self, turn: Turn, line: Line, words: Callable[[Line], Sentence]) -> None:
        if not line.call.ended:
            turn.chats.post(Post.about(line, words(line), actions=(Act.HANG_UP,), live=True))
            return
        await over(line)
        if turn.awaited:  # the command line reports it as an error
            said = texts.ended(line)
            raise CallRefused(said.sentence, said.hint)

    async def place_from_page(
        self, whom: str, media: Media, *, chat: str, endpoint: str | None, begins: Callable[[], None]
    ) -> Line:
        """Call somebody, with the given endpoint instead of the usual one. Raises CopybaraError.

        `begins` is called just before the call begins, when nothing can refuse it any more.
        """
        answer = await self._looked_up(whom) if self._lookups.knows(whom) else None
        async with self._turns.taken(chat):
            who = meant(answer) if answer else await self.whom(whom)
            key = self._key_on_card(who)
            return await self._switchboard.place(
                who.node, media, sealing_key=key, chat=chat, endpoint=endpoint, begins=begins
            )

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        """Place a call whose link may never be posted. The messenger shows it while the owner is still typing.

        `before` is the call of the last keystroke. It is returned if it would be the same, and ended otherwise. Raises
        CallRefused, InputError.
        """
        answer = await self._looked_up(whom) if self._lookups.knows(whom) else None
        async with self._turns.taken(chat):
            try:
                who = meant(answer) if answer else await self.whom(whom)
            except CopybaraError:
                if before is not None:
                    self.discard(before)
                raise
            if before is not None and before.call.state is State.CALLING:
                if before.peer == who.node and before.media is media:
                    return before
                self.discard(before)
            key, in_clear = self._key_on_card(who), not self._chats.is_private(chat)
            return await self._switchboard.place(
                who.node, media, sealing_key=key, chat=chat, provisional=True, begins_off=in_clear
            )

    def confirm(self, line: Line) -> None:
        """Note that the link of a prepared call was posted. It is a call like any other from now on."""
        if line.shown.provisional and not line.call.ended:
            self._switchboard.confirm(line)
            if line.call.state is State.CALLING:
                self._chats.post(Post.about(line, self._said_of(line), actions=(Act.HANG_UP,), live=True))

    def discard(self, line: Line) -> None:
        """End a prepared call that isn't wanted any more."""
        if line.shown.provisional and line.call.state is State.CALLING:
            self._switchboard.hang_up(line)

    def _key_on_card(self, who: book.Whom) -> bytes | None:
        """The key that the first link is sealed to, if we have the callee's card. It goes to the bot on that card."""
        if who.card is None:
            return None
        self._origins.called_by(who.node, who.card)
        return who.card.sealing_key

    # Answering and ending calls.

    async def answer(self, turn: Turn, line: Line, media: Media | None, instead: Instead = "") -> None:
        """Answer a call. If it was answered before, only tell the owner so. Raises CallRefused."""
        if line.connection.waits_for_owner:
            await self._switchboard.answer(line, media)
            self._news.changed(line)
        elif line.call.role is Role.CALLEE and line.call.state in which_call.UP:
            turn.say(texts.answered_before(line))
        else:
            await self._switchboard.answer(line, media, instead=instead, begins_off=turn.in_clear)
            said = overlay_texts.beside(texts.answering(line), self._wrong())
            turn.chats.post(Post.about(line, said, actions=(Act.HANG_UP,), live=True))

    async def decline(self, line: Line, why: str = "") -> None:
        """Decline a call. `why` is a short text for the caller. Raises CallRefused."""
        if why:
            self._news.because(line, why)
        self._switchboard.decline(line)
        await over(line)

    async def hang_up(self, line: Line) -> None:
        """End a call."""
        self._switchboard.hang_up(line)
        await over(line)

    async def hold(self, line: Line) -> None:
        """Put a call on hold, see Switchboard.hold. Raises NothingToHold, LocalProtocolError."""
        await self._switchboard.hold(line)

    async def resume(self, turn: Turn, line: Line, *, swap: bool = False) -> None:
        """Take a call off hold. With `swap`, put the owner's present call on hold.

        Raises NotOnHold, InCall, NothingToHold, LocalProtocolError.
        """
        await self._switchboard.resume(line, swap=swap, begins_off=turn.in_clear)

    def ignore(self, line: Line) -> None:
        """Stop all ringing calls of that caller, who gets no reply. Raises CallRefused.

        If this call proves nothing, calls that a key has proven go on ringing, because they may be somebody else's.
        """
        self._switchboard.ignore(line)
        for other in self._switchboard.lines:
            same = other is not line and other.peer == line.peer and (line.proven or not other.proven)
            if same and other.call.state is State.RINGING:
                self._switchboard.ignore(other)


async def over(line: Line) -> None:
    """Wait until a call that was just ended is over, at most STOP_SECONDS, so that the same answer can report it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await line.over.wait()


def meant(answer: NamedNode) -> book.Whom:
    """The node of a name, with the card in its records."""
    return book.Whom(answer.node, name_book.card_of(answer))
