"""The Telegram messenger: it makes and connects its parts, and carries out stored updates one after the other.

Telegram ─▶ polling ─▶ inbox (stored) ─▶ here ─▶ assistant
Telegram ◀─ outbox (stored, a queue per chat) ◀─ compose ◀─ here ◀─ posts
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec

from bot.conversation import EVERYWHERE, Action, Capabilities, HandsetPage, IncomingMessage, Listener, Post
from bot.kinds import Sentence, of_error
from bot.messengers import texts as common
from bot.messengers.clock import Clock, ClockNews
from bot.messengers.inbox import Inbox, Outcome
from bot.messengers.journal_writer import JournalWriter, StoreWrite
from bot.messengers.kept_text import is_about_a_call
from bot.messengers.outbox import START_SECONDS, NotNow, Outbox, Pace, Refused
from bot.messengers.owners_news import tell_missed, tell_notices
from bot.messengers.strangers_cards import StrangersCards
from bot.messengers.telegram import outgoing, render, texts
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.business import BusinessConnections
from bot.messengers.telegram.buttons import ONCE, OPENS, action_for
from bot.messengers.telegram.call_messages import CallMessages
from bot.messengers.telegram.compose import compose
from bot.messengers.telegram.conversations import OWNER, PREFIX, Way, conversation_of
from bot.messengers.telegram.incoming import (
    Asked,
    Chosen,
    Claimed,
    Connection,
    Greeted,
    Tapped,
    TelegramMessage,
    from_bytes,
    to_bytes,
)
from bot.messengers.telegram.inline import InlineQueries
from bot.messengers.telegram.limits import (
    CALLBACK_ANSWER_CHARACTERS,
    FLUSH_SECONDS,
    GROUP_MESSAGES_PER_MINUTE,
    MESSAGES_AT_ONCE,
    MESSAGES_PER_CHAT_SECONDS,
    MESSAGES_PER_SECOND,
    TAP_SECONDS,
)
from bot.messengers.telegram.outgoing import TelegramPost
from bot.messengers.telegram.ownership import Ownership
from bot.messengers.telegram.polling import Polling
from bot.messengers.telegram.requests import Requests, UnknownMethod
from bot.messengers.telegram.resume import take_up_calls
from bot.messengers.telegram.token import BotToken, silence
from bot.messengers.telegram.update_reader import UpdateReader
from bot.messengers.terminal import say, say_of_failure
from bot.messengers.unfinished import Unfinished
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError, StoreError
from shared.kept_running import Part, kept_running
from shared.store.journal import Journal

FAILURES = "failures"
"The source of notices about messages that couldn't be delivered."

STRANGERS = "strangers"
"The source of the greeting for strangers who write to the bot. There may be thousands of them."

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class TelegramMessenger:
    """One bot and its owner."""

    def __init__(
        self,
        token: BotToken,
        base_url: str,
        journal: Journal,
        write: StoreWrite,
        *,
        name: str,
        lifetime: int,
        texts: bool = False,
    ) -> None:
        """`journal` is for reading, `write` for writing. `name` is the messenger's name in the journal.

        `lifetime` is how long links are valid, in seconds: a command to call that is older than that isn't carried out.
        `texts`: the owner wants to read here what others write in calls.
        """
        silence(token)
        self.capabilities = Capabilities(at_terminal=False, texts=texts)
        self._journal = journal
        self._lifetime = lifetime
        self._clock = Clock()
        self._api = Api(token, base_url, self._clock)
        self._writer = JournalWriter(name, write, self._disk_troubled)
        self._requests = Requests(self._api, say, self._back)
        self._ownership = Ownership(journal, self._writer)
        self._outbox: Outbox[TelegramPost] = Outbox(
            journal,
            self._writer,
            read=outgoing.outgoing_from,
            to_bytes=outgoing.to_bytes,
            send=self._send,
            pace=_pace,
            lost=self._not_delivered,
        )
        self._calls = CallMessages(
            self._api,
            self._requests,
            self._outbox,
            journal,
            self._writer,
            owner=lambda: self._ownership.owner,
        )
        self._inbox = Inbox(journal, self._writer, shown=self._calls.kept, written=self._stored, lost=self._set_aside)
        self._business = BusinessConnections(self._api, self._requests, journal, self._writer)
        self._inline = InlineQueries(self._api)
        self._unfinished = Unfinished(journal, self._writer)
        self._strangers_cards = StrangersCards()
        self._reader: UpdateReader | None = None
        self._listener: Listener | None = None
        self._page_known = asyncio.Event()
        self._has_page = False
        self._notices: list[str] = []
        self._hearing: TelegramMessage | None = None
        "The message that is being carried out."
        self._clock_news = ClockNews()
        self._group: asyncio.TaskGroup | None = None
        self._aside: set[asyncio.Task[None]] = set()

    # For the program and the assistant.

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send posts while the block runs, and at its end for a little longer if some are left."""
        async with self._api.open(), asyncio.TaskGroup() as self._group:
            parts = (
                Part("Telegram's journal", self._writer.run, say_of_failure),
                Part("Telegram's outbox", self._outbox.run, say_of_failure),
                Part("Bringing messages up to date", self._calls.refresh, say_of_failure),
            )
            async with kept_running(*parts):
                try:
                    yield
                finally:
                    self._page_known.set()
                    self._calls.no_later()
                    await self._outbox.finish(FLUSH_SECONDS)
                    for task in self._aside:
                        task.cancel()

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Note that calls can be made. The owner reads the notices once, until they change."""
        self._has_page = handset is not None
        self._calls.page_is(handset)
        self._page_known.set()
        self._notices = notices

    def handles(self, chat: str) -> bool:
        """Whether that conversation is in Telegram."""
        return chat == EVERYWHERE or chat.startswith(PREFIX)

    def post(self, post: Post) -> None:
        """Send a message. It is stored soon, or together with the entry that it answers."""
        line = post.line
        call = line.id if line is not None else post.call or ""
        with self._inbox.collecting() as outcome:
            if post.missed is not None:
                outcome.missed.append(post.text.encode())
            elif post.live and call and (line is not None or call in self._calls.shown):
                self._calls.show(call, post)
                outcome.shown.add(call)
            elif not self._inline.takes(post):
                self._put_post(post, call, outcome)

    def call_changed(self, line: Line) -> None:
        """Update the call's message."""
        if self._listener is not None:
            self._inline.gives_way_to(line, self._listener)
        shown = self._calls.shown.get(line.id)
        if shown is None:
            return
        with self._inbox.collecting() as outcome:
            if shown.state != line.call.state:
                shown.state, shown.media = line.call.state, line.media.words
                outcome.shown.add(line.id)
        self._calls.touch(line.id)

    # Reading.

    async def run(self, listener: Listener) -> None:
        """Carry out every update, until cancelled. If it is run again, it continues."""
        self._listener = listener
        own = await self._until_answered(self._api.me)
        self._reader = UpdateReader(own, self._ownership.owner)
        say(texts.listening(own.name))
        if unclaimed := await self._ownership.introduced(own.name):
            say(unclaimed)
        else:
            self._show_commands()
        await take_up_calls(self._calls, self._inbox, self._outbox, self._writer, listener)
        self._outbox.take_up()
        await self._inbox.act_once_more(self._unfinished.left(), self._act)
        await self._tell_notices()
        await self._outbox.flush(START_SECONDS)
        await self._inbox.act_on_waiting(self._act, again=True)
        polling = Polling(self._api, self._requests, self._inbox, self._reader, self._clock)
        while True:
            await polling.fetch()
            self._tell_of_clock()
            await self._inbox.act_on_waiting(self._act)
            if not polling.is_behind:
                await self._tell_missed()

    async def _act(self, raw: bytes, again: bool) -> None:
        """Carry out one entry. Raises any error that happens."""
        listener, entry = self._listener, from_bytes(raw)
        assert listener is not None
        match entry:
            case TelegramMessage(from_owner=True) | Tapped() | Asked() | Chosen() if self._ownership.owner is None:
                pass  # who was the owner then isn't any more
            case TelegramMessage():
                with self._inbox.collecting() as outcome:
                    await self._hear(entry, outcome, again=again)
            case Tapped():
                await self._tapped(entry, listener)
            case Asked():
                self._beside(functools.partial(self._inline.answer, entry, listener))
            case Chosen():
                self._inline.chosen(entry, listener)
            case Connection():
                self._tell(await self._business.changed(entry))
            case Claimed():
                await self._claimed(entry)
            case Greeted():
                self._put(await self._ownership.greet(entry.user), chat=entry.user, source=STRANGERS)

    async def _hear(self, entry: TelegramMessage, outcome: Outcome, *, again: bool) -> None:
        listener, place = self._listener, conversation_of(entry.chat)
        assert listener is not None
        if place.way is Way.BUSINESS and not await self._business.is_the_owners(place.values[0], self._ownership.owner):
            return
        if entry.passed_on and not entry.text:
            self._tell(common.PASSED_ON)
            return
        if entry.from_owner and is_about_a_call(entry.text) and self._age(entry) > self._lifetime:
            self._tell(common.too_late(entry.text))
            return
        self._hearing = entry
        try:
            caused = await listener.hear(
                IncomingMessage(
                    entry.text,
                    sender=entry.identity.shown if entry.identity else entry.sender or "owner",
                    from_owner=entry.from_owner,
                    chat=entry.chat,
                    alone=entry.alone,
                    identity=entry.identity,
                    tell_missed=not entry.from_owner,
                    age=self._age(entry) if entry.identity else None,  # the age of a forwarded text isn't known
                    again=again,
                )
            )
        finally:
            self._hearing = None
        for task in caused.unfinished:
            self._unfinished.note(to_bytes(entry), task, outcome.facts, listener)

    def _age(self, entry: TelegramMessage) -> float:
        return self._clock.age(entry.date, time.time())

    async def _tapped(self, entry: Tapped, listener: Listener) -> None:
        action = action_for(entry.data)
        word, alert = texts.UNKNOWN_BUTTON.text, True
        if action is not None and self._is_too_late(action, entry):
            # Telegram shows no answer to a tap that is too old, so the owner gets a message.
            self._tell(texts.tapped_late(action.act))
            word = texts.TAP_REFUSED
        elif action is not None:
            try:
                word, alert = await listener.act(action, OWNER.chat), False
            except CopybaraError as error:
                word = f"{error.sentence} {error.hint}".strip()
                if len(word) > CALLBACK_ANSWER_CHARACTERS:
                    self._tell(of_error(error))
                    word = texts.TAP_REFUSED
        self._beside(lambda: self._api.answer_tap(entry.query, word, alert=alert))
        owner = self._ownership.owner
        if action is not None and action.act in ONCE and not alert and owner is not None and entry.message:
            self._beside(lambda: self._api.without_buttons(owner, entry.message))

    def _is_too_late(self, action: Action, entry: Tapped) -> bool:
        """Whether the tap opens something and may be old. No call rings longer than its link is valid."""
        shown = self._calls.shown.get(action.call)
        rings = shown is not None and shown.state is State.RINGING
        return action.act in OPENS and not rings and time.time() - entry.since > TAP_SECONDS

    async def _claimed(self, entry: Claimed) -> None:
        if not await self._ownership.claim(entry.code, entry.user):
            self._put(await self._ownership.greet(entry.user), chat=entry.user, source=STRANGERS)
            return
        assert self._reader is not None
        self._reader.owner = entry.user
        self._tell(texts.CLAIMED)
        self._show_commands()
        await self._tell_notices()

    def _show_commands(self) -> None:
        owner = self._ownership.owner
        if owner is not None:
            self._beside(lambda: self._api.show_commands(owner, page=self._has_page))

    # What the owner gets without a command.

    async def _tell_notices(self) -> None:
        if self._ownership.owner is not None:
            await tell_notices(self._notices, self._journal, self._inbox, self._tell)

    def _tell_of_clock(self) -> None:
        if self._clock_news.due(self._clock.ahead, time.monotonic()):
            said = common.clock_is_off("Telegram's", self._clock.ahead)
            say(said)
            self._tell(said)

    async def _tell_missed(self) -> None:
        def to_bytes(sentence: Sentence) -> bytes:
            return outgoing.to_bytes(TelegramPost(render.as_html(sentence.text), written=int(time.time())))

        if await tell_missed(self._journal, self._writer, to_bytes):
            self._outbox.take_up()

    def _set_aside(self, why: str) -> None:
        say(common.set_aside(why))
        self._tell(common.set_aside(why))

    def _not_delivered(self, message: TelegramPost | None, why: str) -> None:
        in_log = common.not_accepted("Telegram", why)
        logger.warning("%s", in_log.text)
        if message is None or (message.queue == outgoing.OWNERS_QUEUE and message.source != FAILURES):
            say(in_log)
            text = message.text if message is not None else "?"
            self._put(common.not_delivered("Telegram", text, why), source=FAILURES)

    def _disk_troubled(self, error: StoreError | None) -> None:
        """Tell the owner at once. A message that must be stored first could not be sent."""
        said = common.can_store() if error is None else common.cannot_store(error.sentence)
        say(said)
        owner = self._ownership.owner
        if owner is not None:
            self._beside(lambda: self._api.send(TelegramPost(render.as_html(said.text)), owner))

    def _tell(self, sentence: Sentence | None) -> None:
        """Say something to the owner."""
        self._put(sentence)

    # Writing.

    def _put_post(self, post: Post, call: str, outcome: Outcome) -> None:
        hearing = self._hearing
        stranger = hearing.sender if hearing is not None else ""
        about_nobodys_call = post.to == "owner" and post.line is None
        if stranger and about_nobodys_call:
            warn = functools.partial(self._put, common.MANY_CARDS, source=stranger)
            if not self._strangers_cards.allow(stranger, warn):
                return
        answers = hearing is not None and hearing.from_owner
        source = stranger if about_nobodys_call else ""
        message = compose(post, answers=answers, source=source, now=int(time.time()))
        if message is None:
            return
        if message.business and not self._business.may_write(message.business):
            message = message.instead[0]
        if self._outbox.has_room(message):
            outcome.outgoing.append((call or None, outgoing.to_bytes(message)))

    def _put(self, sentence: Sentence | None, *, chat: int = outgoing.TO_OWNER, source: str = "") -> None:
        if sentence is None or not sentence.text:
            return
        message = TelegramPost(render.as_html(sentence.text), chat=chat, source=source, written=int(time.time()))
        if self._outbox.has_room(message):
            with self._inbox.collecting() as outcome:
                outcome.outgoing.append((None, outgoing.to_bytes(message)))

    async def _send(self, message: TelegramPost, number: int) -> None:
        """Send one message. Raises Refused, NotNow."""
        owner = self._ownership.owner
        if owner is None and not (message.chat or message.guest):
            return  # there is no owner yet
        if message.handset:
            await self._page_known.wait()
            rows = self._calls.handset_rows(f"message {number}", lambda: None)
            message = msgspec.structs.replace(message, rows=(*message.rows, *rows))
        if message.draft is not None:
            text, rows = render.with_draft(
                message.text, message.rows, message.draft, await self._name_of(message.draft)
            )
            message = msgspec.structs.replace(message, text=text, rows=rows)
        ready = message
        await self._requests.once(lambda: self._api.send(ready, owner or 0))

    async def _name_of(self, draft: outgoing.Draft) -> str:
        """The user name that opens a chat. It is looked up now, because it may belong to somebody else tomorrow."""
        if draft.user_name or not draft.user:
            return draft.user_name or draft.kept_name
        try:
            return await self._requests.once(lambda: self._api.user_name(draft.user))
        except UnknownMethod:
            return draft.kept_name
        except (Refused, NotNow):
            return ""

    def _stored(self, outcome: Outcome) -> None:
        """Send the messages of an outcome, which is now in the journal."""
        self._outbox.take_up()
        self._calls.stored(outcome.shown)

    def _back(self) -> None:
        """Note that Telegram can be reached again."""
        self._outbox.hurry()

    def _beside(self, request: Callable[[], Awaitable[object]]) -> None:
        """Make a small request in the background, once. Nothing depends on it."""

        async def make() -> None:
            try:
                await request()
            except Exception as error:
                logger.info("A request failed that nothing depends on: %s", type(error).__name__)

        assert self._group is not None
        task = self._group.create_task(make())
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _until_answered(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Make a request that can't be refused for its content, until it has a reply."""
        while True:
            with contextlib.suppress(Refused):
                return await self._requests.until_answered(request)
            await asyncio.sleep(1.0)


def _pace(chat: str) -> Pace:
    """The pace of a chat. Groups have negative numbers (Bot API, Chat)."""
    if chat.startswith("-"):
        each = 60.0 / GROUP_MESSAGES_PER_MINUTE
        return Pace(MESSAGES_PER_SECOND, GROUP_MESSAGES_PER_MINUTE, each, urgent_too=True)
    return Pace(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE, MESSAGES_PER_CHAT_SECONDS, urgent_too=False)
