"""The Telegram messenger: updates are stored, acted on and confirmed here, and posts put on their way."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec

from bot.messengers.base import EVERYWHERE, Act, Action, HandsetPage, IncomingMessage, Listener, Post
from bot.messengers.telegram import letters, render, texts
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.buttons import action_for
from bot.messengers.telegram.claim import claim, code_of, owner_of
from bot.messengers.telegram.entries import (
    Asked,
    Chosen,
    Claimed,
    Connection,
    Entry,
    Greeted,
    Heard,
    Tapped,
    from_bytes,
    to_bytes,
)
from bot.messengers.telegram.guard import Guard
from bot.messengers.telegram.intake import Intake, Own, is_about_a_call
from bot.messengers.telegram.limits import SENDERS_REMEMBERED, UPDATE_IDS_RESTART_SECONDS, UPDATES_AT_ONCE
from bot.messengers.telegram.outgoing import Outgoing, Shown
from bot.messengers.telegram.outgoing import to_bytes as outgoing_to_bytes
from bot.messengers.telegram.routes import OWNER, PREFIX, Route, Way, route_of
from bot.messengers.telegram.token import Token, silence
from bot.messengers.telegram.writer import Refused, Writer
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError
from shared.links.tokens import to_text
from shared.media import Media
from shared.secrets.handshake import Role
from shared.store.journal import Journal

logger = logging.getLogger(__name__)

UNFINISHED = "unfinished:"
"What the names of facts begin with that are commands whose name is being looked up."

AT_ONCE = 20
"Updates that are read before other tasks, such as the media's, get their turn."


_Result = TypeVar("_Result")
_Request = Callable[[], Awaitable[object]]


class _Came(msgspec.Struct):
    """What comes of acting on entries, until it is stored with the mark that they are done."""

    outgoing: list[tuple[str | None, bytes]] = []
    shown: set[str] = set()
    missed: list[bytes] = []
    facts: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self.outgoing or self.shown or self.missed or self.facts)


class Telegram:
    """One bot and its owner."""

    def __init__(self, token: Token, base_url: str, journal: Journal, *, lifetime: int) -> None:
        """`lifetime` is that of links, in seconds; a call that the owner wanted longer ago isn't made any more."""
        silence(token)
        self._journal = journal
        self._api = Api(token, base_url)
        self._writer = Writer(self._api, journal, _say)
        self._guard = Guard()
        self._lifetime = lifetime
        self._intake: Intake | None = None
        self._came: _Came | None = None
        self._listener: Listener | None = None
        self._has_page = False
        self._prepared: Line | None = None
        self._preparing = asyncio.Lock()
        self._results: dict[str, str] = {}
        "The link of a prepared call as HTML, by the call's id."

    # What the assistant sees.

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is posted for the length of the block."""
        async with self._writer.running():
            yield

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Nothing to say before Telegram has told who we are."""
        self._has_page = handset is not None
        self._writer.ready(handset)

    def handles(self, chat: str) -> bool:
        """Whether that conversation is in Telegram."""
        return chat == EVERYWHERE or chat.startswith(PREFIX)

    def post(self, post: Post) -> None:
        """Put a message on its way; it is stored when this returns, or together with what it answers."""
        line = post.line
        call = line.id if line is not None else post.call or ""
        with self._collecting() as came:
            if post.missed is not None:
                came.missed.append(post.text.encode())
            elif post.live and call and (line is not None or call in self._writer.shown):
                self._show(call, post, came)
            elif self._is_result(post):
                assert post.token is not None
                self._results.setdefault(call, render.for_the_chat(post))
            elif (letter := letters.letter(post)) is not None:
                if letter.business and not self._may_reply(letter.business):
                    letter = letter.instead[0]
                came.outgoing.append((call or None, outgoing_to_bytes(letter)))

    def call_changed(self, line: Line) -> None:
        """Bring the call's message up to date."""
        prepared = self._prepared
        if prepared is not None and line is not prepared and line.engaged and self._listener is not None:
            self._listener.discard(prepared)
        shown = self._writer.shown.get(line.id)
        if shown is None:
            return
        with self._collecting() as came:
            if shown.state != line.call.state:
                shown.state, shown.media = line.call.state, line.media.words
                came.shown.add(line.id)
            self._writer.touch(line.id)

    async def run(self, listener: Listener) -> None:
        """Read and act on updates until this is cancelled."""
        self._listener = listener
        own = await self._attempt_forever(self._api.me)
        self._introduce(own)
        await self._resume(listener)
        offset, fetched = None, time.monotonic()
        await self._act_on_waiting(listener, again=True)
        behind = True  # Telegram may have kept more for us than we have seen; no time is spent on waiting then
        while True:
            if time.monotonic() - fetched > UPDATE_IDS_RESTART_SECONDS:
                offset = None
            updates = await self._attempt_forever(functools.partial(self._api.updates, offset, wait=not behind))
            if updates:
                fetched = time.monotonic()
                offset = max(update["update_id"] for update in updates) + 1
                await self._store(updates)
            await self._act_on_waiting(listener)
            behind = len(updates) == UPDATES_AT_ONCE
            if not behind:
                self._tell_missed()

    # Updates.

    async def _store(self, updates: list[dict[str, Any]]) -> None:
        assert self._intake is not None
        entries = []
        for count, update in enumerate(updates, 1):
            try:
                entry = self._intake.read(update)
            except Exception as error:
                # Something that a later Bot API has brought. The others of its batch are not lost for it.
                logger.info("An update couldn't be read: %s", type(error).__name__)
                continue
            if entry is not None:
                entries.append((update["update_id"], to_bytes(entry)))
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        if entries:
            self._journal.store(entries, int(time.time()))

    async def _act_on_waiting(self, listener: Listener, *, again: bool = False) -> None:
        """Act on what is stored, in its order; `again`: the first may have been begun by a program that was killed."""
        without_trace: list[int] = []
        for kept in self._journal.waiting():
            with self._collecting(keep=True) as came:
                after = await self._act(from_bytes(kept.value), listener, came, again=again)
            again = False
            if came:
                self._done([*without_trace, kept.id], came)
                without_trace.clear()
            else:
                without_trace.append(kept.id)
            if after is not None:
                self._writer.aside(after)
            await asyncio.sleep(0)
        if without_trace:
            self._done(without_trace, _Came())

    async def _act(self, entry: Entry, listener: Listener, came: _Came, *, again: bool) -> _Request | None:
        """Act on one entry; returns a request to be made when it is done, if any."""
        match entry:
            case Heard():
                await self._hear(entry, listener, came, again=again)
            case Tapped():
                return await self._tapped(entry, listener)
            case Asked():
                return functools.partial(self._asked, entry, listener)
            case Chosen():
                if self._prepared is not None and self._prepared.id == entry.result:
                    listener.confirm(self._prepared)
                    self._prepared = None
            case Connection():
                self._connected(entry)
            case Claimed():
                return self._claimed(entry)
            case Greeted():
                self._greet(entry.user, texts.STRANGER)
        return None

    async def _hear(self, entry: Heard, listener: Listener, came: _Came, *, again: bool) -> None:
        route = route_of(entry.chat)
        if route.way is Way.BUSINESS and not await self._is_mine(route.values[0]):
            return
        if entry.from_owner and is_about_a_call(entry.text) and time.time() > entry.date + self._lifetime:
            self._put(Outgoing(render.as_html(texts.too_late(entry.text))))
            return
        if not entry.from_owner:
            who = entry.identity
            sender = f"{who.user} {who.bot}" if who else entry.chat
            if not self._guard.allows(sender, time.monotonic()):
                return
        before = listener.unfinished()
        await listener.hear(
            IncomingMessage(
                entry.text,
                sender=entry.identity.shown if entry.identity else "owner",
                from_owner=entry.from_owner,
                chat=entry.chat,
                alone=entry.alone,
                identity=entry.identity,
                tell_missed=not entry.from_owner,
                again=again,
            )
        )
        for task in listener.unfinished() - before:
            # Looking up a name may take longer than the program lives.
            name = f"{UNFINISHED}{time.time_ns()}"
            came.facts[name] = to_bytes(entry)
            task.add_done_callback(functools.partial(self._finished, name))

    def _finished(self, name: str, _: asyncio.Task[Any]) -> None:
        self._journal.set_facts({name: None})

    async def _tapped(self, entry: Tapped, listener: Listener) -> _Request:
        action = action_for(entry.data)
        word, alert = texts.UNKNOWN_BUTTON, True
        if action is not None:
            try:
                word, alert = await listener.act(action, OWNER.chat), False
            except CopybaraError as error:
                word = error.sentence
        return lambda: self._api.answer_tap(entry.query, word, alert=alert)

    # Inline mode: what is typed comes letter by letter, and nobody tells for sure whether the result is sent.

    async def _asked(self, entry: Asked, listener: Listener) -> None:
        """Answer one question; nothing else waits for it, though looking up its name may take a while."""
        words = entry.text.split()
        if words and words[0].lower().lstrip("/") == "call":
            words = words[1:]
        if not entry.text:
            await self._api.answer_question(entry.query)
            return
        if not 1 <= len(words) <= 2:
            await self._api.answer_question(entry.query, hint="Write: call NAME")
            return
        try:
            media = Media.parse(words[1]) if len(words) == 2 else Media.BOTH
            async with self._preparing:
                line = await self._prepare(words[0], media, Route(Way.INLINE, (entry.query,)).chat, listener)
        except CopybaraError as error:
            await self._api.answer_question(entry.query, hint=error.sentence)
            return
        title = f"Call {line.name} ({line.media.words})"
        html = self._results.get(line.id, "")
        await self._api.answer_question(entry.query, result=(line.id, title, html) if html else None)

    async def _prepare(self, whom: str, media: Media, chat: str, listener: Listener) -> Line:
        before = self._prepared
        self._prepared = line = await listener.prepare(whom, media, chat, before)
        if before is not None and before is not line:
            self._results.pop(before.id, None)
        return line

    # Whose bot this is.

    def _introduce(self, own: Own) -> None:
        owner = owner_of(self._journal)
        self._intake = Intake(own, owner)
        if self._journal.fact("bot") != own.name.encode():
            self._journal.set_facts({"bot": own.name.encode()})
        self._journal.forget_done(int(time.time()))
        _say(texts.listening(own.name))
        if owner is None:
            _say(texts.unclaimed(own.name, code_of(self._journal)))
        else:
            self._writer.aside(lambda: self._api.show_commands(owner, page=self._has_page))

    def _claimed(self, entry: Claimed) -> _Request | None:
        assert self._intake is not None
        if not claim(self._journal, entry.code, entry.user) and owner_of(self._journal) != entry.user:
            self._greet(entry.user, texts.NOT_CLAIMED if self._intake.owner is None else texts.STRANGER)
            return None
        self._intake.owner = entry.user
        self._put(Outgoing(render.as_html(texts.CLAIMED)))
        return lambda: self._api.show_commands(entry.user, page=self._has_page)

    def _greet(self, user: int, sentence: str) -> None:
        """Say one sentence to a stranger, and never another."""
        kept = self._journal.fact("greeted")
        greeted: list[int] = msgspec.json.decode(kept) if kept else []
        if user in greeted:
            return
        greeted = [*greeted, user][-SENDERS_REMEMBERED:]
        self._journal.set_facts({"greeted": msgspec.json.encode(greeted)})
        self._put(Outgoing(render.as_html(sentence), chat=user))

    # The connection to the owner's account.

    def _connected(self, entry: Connection) -> None:
        known = self._journal.fact(_connection(entry.id)) is not None
        self._journal.set_facts({_connection(entry.id): to_bytes(entry)})
        if not entry.enabled:
            words = texts.DISCONNECTED
        else:
            words = texts.CONNECTED if entry.can_reply else texts.CONNECTED_SILENTLY
        if not known or not entry.enabled:
            self._put(Outgoing(render.as_html(words)))

    async def _is_mine(self, number: str) -> bool:
        """Whether a connection is to the owner's account, and is on."""
        fact = self._journal.fact(_connection(number))
        if fact is None:
            try:
                found = await self._writer.attempt(lambda: self._api.connection(number))
            except Refused:
                return False
            assert self._intake is not None
            if found.user.id != self._intake.owner:
                return False
            can_reply = found.rights is not None and bool(found.rights.can_reply)
            fact = to_bytes(Connection(found.id, found.is_enabled, can_reply))
            self._journal.set_facts({_connection(number): fact})
        entry = from_bytes(fact)
        return isinstance(entry, Connection) and entry.enabled

    def _may_reply(self, number: str) -> bool:
        fact = self._journal.fact(_connection(number))
        entry = from_bytes(fact) if fact else None
        return isinstance(entry, Connection) and entry.enabled and entry.can_reply

    # After a start.

    async def _resume(self, listener: Listener) -> None:
        """Take up what the last run of the program left: calls that rang ring again, those that were up go on."""
        for call, shown in list(self._writer.shown.items()):
            if shown.final or call in self._writer.lines:
                self._writer.touch(call)
                continue
            with self._collecting(keep=True) as came:
                # What it had to write belongs to a port that is gone.
                self._journal.take_back(call)
                waits = shown.role == Role.CALLEE and shown.state in (State.RINGING, State.CONNECTING)
                if waits and shown.token:
                    await self._ring_again(call, shown, listener)
                if call not in self._writer.lines and not shown.final:
                    shown.text = texts.OVER if waits else texts.INTERRUPTED
                    shown.acts, shown.final = (), True
                    came.shown.add(call)
            self._done([], came)
            self._writer.touch(call)
        for name, raw in self._journal.facts(UNFINISHED).items():
            entry = from_bytes(raw)
            self._journal.set_facts({name: None})
            if isinstance(entry, Heard):
                with self._collecting(keep=True) as came:
                    await self._hear(entry, listener, came, again=True)
                self._done([], came)

    async def _ring_again(self, call: str, shown: Shown, listener: Listener) -> None:
        answered = shown.state == State.CONNECTING and not shown.automatic
        act = Act.ANSWER_AUDIO if shown.media == Media.AUDIO.words else Act.ANSWER
        await listener.hear(
            IncomingMessage(shown.token, "", from_owner=False, chat=shown.chat, tell_missed=True, again=True)
        )
        if answered and call in self._writer.lines:
            with contextlib.suppress(CopybaraError):
                await listener.act(Action(act, call), OWNER.chat)

    # Posts.

    def _show(self, call: str, post: Post, came: _Came) -> None:
        """What a call's message shall say."""
        line = post.line
        shown = self._writer.shown.setdefault(call, Shown())
        shown.text, shown.acts = post.text, post.actions
        if line is None:
            shown.final = True
        else:
            self._writer.lines[call] = line
            shown.state, shown.role, shown.media = line.call.state, line.call.role, line.media.words
            shown.automatic, shown.chat = line.automatic, line.chat
            shown.token = to_text(line.raw) if line.call.role is Role.CALLEE else ""
            shown.final = line.call.ended
        if shown.final:
            shown.token = ""
        came.shown.add(call)
        self._writer.touch(call)

    def _is_result(self, post: Post) -> bool:
        line = post.line
        return (
            post.to == "chat"
            and line is not None
            and line.provisional
            and line.connected is None
            and line.call.state is State.CALLING
        )

    def _put(self, message: Outgoing) -> None:
        with self._collecting() as came:
            came.outgoing.append((None, outgoing_to_bytes(message)))

    def _tell_missed(self) -> None:
        missed = self._journal.missed()
        if missed:
            text = texts.missed_calls([kept.value.decode() for kept in missed])
            self._journal.tell_missed(missed[-1].id, outgoing_to_bytes(Outgoing(render.as_html(text))))
            self._writer.wake()

    @contextlib.contextmanager
    def _collecting(self, *, keep: bool = False) -> Iterator[_Came]:
        """Collect what is to be stored. What comes while an entry is acted on is stored with it, all else at once."""
        if self._came is not None:
            yield self._came
            return
        self._came = came = _Came()
        try:
            yield came
        finally:
            self._came = None
        if came and not keep:
            self._done([], came)

    def _done(self, numbers: list[int], came: _Came) -> None:
        shown = {call: outgoing_to_bytes(self._writer.shown[call]) for call in came.shown if call in self._writer.shown}
        self._journal.done(numbers, outgoing=came.outgoing, shown=shown, missed=came.missed, facts=came.facts)
        if came:
            self._writer.wake()

    async def _attempt_forever(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Make a request that can't be refused for what it asks, until it has an answer."""
        while True:
            with contextlib.suppress(Refused):
                return await self._writer.attempt(request)
            await asyncio.sleep(1.0)


def _connection(number: str) -> str:
    return f"connection:{number}"


def _say(text: str) -> None:
    """Tell the terminal, or the journal of the service."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
