"""A messenger without buttons: it carries out stored entries one after the other, and sends posts as text.

wire.fetch ─▶ inbox (stored) ─▶ here ─▶ assistant
wire.send  ◀─ outbox (stored, a queue per chat) ◀─ compose ◀─ here ◀─ posts
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Container, Iterable

import msgspec

from bot.conversation import (
    EVERYWHERE,
    Capabilities,
    HandsetPage,
    Identity,
    IncomingMessage,
    Listener,
    Post,
)
from bot.kinds import Sentence
from bot.messengers import terminal, texts
from bot.messengers.clock import ClockNews
from bot.messengers.inbox import Inbox, Outcome
from bot.messengers.journal_writer import JournalWriter, StoreWrite
from bot.messengers.kept_facts import as_text
from bot.messengers.kept_text import is_about_a_call
from bot.messengers.numbered_choices import Choice, NumberedChoices, number_in
from bot.messengers.outbox import START_SECONDS, NotNow, Outbox, Refused
from bot.messengers.owners_news import tell_missed, tell_notices
from bot.messengers.plain import replies, values
from bot.messengers.plain.compose import compose, numbered
from bot.messengers.plain.places import Place, PlainWay
from bot.messengers.plain.resume import ShownCalls
from bot.messengers.plain.values import Entry, Heard, Outgoing, Own
from bot.messengers.plain.wire import Wire
from bot.messengers.rate_limit import LINKS_PER_MINUTE, RateLimit
from bot.messengers.strangers_cards import StrangersCards
from bot.messengers.unfinished import Unfinished
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError, StoreError
from shared.kept_running import Part, kept_running
from shared.store.journal import CHOICES, Journal

WRITES = "writes:"
"The prefix of facts that say, by node, who writes a contact's links."

FLUSH_SECONDS = 1.0
"How long the end of the program waits for messages to be sent."

FAILURES = "failures"
"The source of notices about messages that couldn't be delivered."

logger = logging.getLogger(__name__)


class PlainMessenger:
    """One account of one messenger, and its owner."""

    capabilities = Capabilities(at_terminal=False, private=True)

    def __init__(self, wire: Wire, name: str, journal: Journal, write: StoreWrite, *, lifetime: int) -> None:
        """`name` is the messenger's name in the journal and the prefix of its conversations.

        `journal` is for reading, `write` for writing. `lifetime` is how long links are valid, in seconds: a command to
        call that is older than that isn't carried out.
        """
        self._wire = wire
        self._name = name
        self._owners_chat = Place(name, PlainWay.OWNER).chat
        self._journal = journal
        self._lifetime = lifetime
        self._writer = JournalWriter(name, write, self._disk_troubled)
        self._outbox: Outbox[Outgoing] = Outbox(
            journal,
            self._writer,
            read=values.outgoing_from,
            to_bytes=values.to_bytes,
            send=self._send,
            pace=wire.pace,
            lost=self._not_delivered,
        )
        self._calls = ShownCalls(journal, self._writer)
        self._inbox = Inbox(journal, self._writer, shown=self._calls.kept, written=self._stored, lost=self._set_aside)
        self._choices = NumberedChoices(journal.fact(CHOICES))
        writers = {name: as_text(name, raw) for name, raw in journal.facts(WRITES).items()}
        self._writers = {name: who for name, who in writers.items() if who is not None}
        self._brought: dict[str, tuple[str, str]] = {}
        "Who brought the link of a call that isn't connected yet, by Line.id: the messenger's id and the readable name."
        self._bringers: dict[str, str] = {}
        "The messenger's id of the person who brought a call's link, by Line.id. Empty: the owner."
        self._unfinished = Unfinished(journal, self._writer)
        self._limit = RateLimit(LINKS_PER_MINUTE, seconds=60.0)
        self._strangers_cards = StrangersCards()
        self._counted: set[int] = set()
        "The numbers of entries that were counted and aren't confirmed yet, so that each counts once."
        self._listener: Listener | None = None
        self._page: HandsetPage | None = None
        self._page_known = asyncio.Event()
        self._notices: list[str] = []
        self._clock_news = ClockNews()
        self._warnings: asyncio.Queue[Sentence] = asyncio.Queue()
        "What the owner must hear while nothing can be stored."
        self._hearing: Heard | None = None
        "The message that is being carried out."

    # For the program and the assistant.

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send posts while the block runs, and at its end for a little longer if some are left."""
        parts = (
            Part(f"{self._wire.title}'s journal", self._writer.run, terminal.say_of_failure),
            Part(f"{self._wire.title}'s outbox", self._outbox.run, terminal.say_of_failure),
            Part(f"{self._wire.title}'s warnings", self._warn, terminal.say_of_failure),
        )
        async with self._wire.running(), kept_running(*parts):
            try:
                yield
            finally:
                self._page_known.set()
                await self._outbox.finish(FLUSH_SECONDS)

    async def run(self, listener: Listener) -> None:
        """Carry out every message, until cancelled. If it is run again, it continues."""
        self._listener = listener
        await self._run(listener)

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Note that calls can be made. The owner reads the notices once, until they change."""
        self._page = handset
        self._page_known.set()
        self._notices = notices

    def handles(self, chat: str) -> bool:
        """Whether that conversation belongs to this messenger."""
        return chat == EVERYWHERE or chat.startswith(f"{self._name}:")

    def post(self, post: Post) -> None:
        """Send a message. It is stored soon, or together with the entry that it answers."""
        line = post.line
        call = line.id if line is not None else post.call or ""
        with self._inbox.collecting() as outcome:
            if line is not None and self.handles(line.chat) and self._calls.show(line):
                outcome.shown.add(call)
            if post.missed is not None:
                outcome.missed.append(post.text.encode())
                return
            if post.live and line is None and call:
                self._calls.over(call)
                self._close(call, outcome)
            self._put_post(post, call, outcome)

    def call_changed(self, line: Line) -> None:
        """Store the call's state for the next start. The owner reads it in the posts."""
        if self.handles(line.chat):
            with self._inbox.collecting() as outcome:
                if self._calls.show(line):
                    outcome.shown.add(line.id)
                self._learn(line, outcome)
                if line.call.ended:
                    self._close(line.id, outcome)
                    self._bringers.pop(line.id, None)
        self._wire.call_changed(line)

    # For the wire.

    def tell(self, sentence: Sentence, *, choices: Iterable[tuple[str, str]] = (), about: str = "") -> None:
        """See Desk."""
        words = dict(choices)
        with self._inbox.collecting() as outcome:
            offered = self._offer(words, about, outcome, reserved=True)
            self._put(sentence.text + numbered(offered, words), outcome)

    def say(self, sentence: Sentence) -> None:
        """See Desk."""
        terminal.say(sentence)

    def writers(self) -> Container[str]:
        """See Desk."""
        return self._writers.values()

    def settled(self, about: str) -> None:
        """See Desk."""
        with self._inbox.collecting() as outcome:
            self._close(about, outcome)

    def back(self) -> None:
        """See Desk."""
        self._outbox.hurry()

    def fact(self, name: str) -> bytes | None:
        """See Desk."""
        return self._journal.fact(name)

    async def forget_commands(self) -> None:
        """See Desk."""
        self._choices = NumberedChoices()
        await self._writer.write(Journal.forget_commands)

    async def keep(self, facts: dict[str, bytes | None]) -> None:
        """See Desk."""
        await self._writer.write(functools.partial(Journal.set_facts, facts=facts))

    # Reading.

    async def _run(self, listener: Listener) -> None:
        await self._wire.begin(self, listener)
        await self._page_known.wait()
        for waited in await self._calls.take_up(self._inbox, self._outbox, listener, self._owners_chat):
            self.tell(texts.OVER if waited else texts.INTERRUPTED)
        self._close_what_is_over()
        self._outbox.take_up()
        await self._inbox.act_once_more(self._unfinished.left(), self._act)
        await self._tell_notices()
        await self._outbox.flush(START_SECONDS)
        await self._inbox.act_on_waiting(self._act, again=True)
        while True:
            entries = await self._wire.fetch()
            await self._store(entries)
            await self._wire.confirm()
            self._tell_of_clock()
            await self._inbox.act_on_waiting(self._act)
            await self._tell_notices()
            await self._tell_missed()

    async def _store(self, entries: list[tuple[int, Entry]]) -> None:
        """Store entries. Those of one sender beyond the limit are left out."""
        within_limit = []
        for number, entry in entries:
            sender = entry.sender if isinstance(entry, Heard) else ""
            if not sender or number in self._counted or self._limit.allows(sender, time.monotonic()):
                self._counted.add(number)
                within_limit.append((number, values.to_bytes(entry)))
        await self._inbox.store(within_limit)
        self._counted.clear()

    async def _act(self, raw: bytes, again: bool) -> None:
        """Carry out one entry. Raises any error that happens."""
        match values.entry_from(raw):
            case Heard() as entry:
                with self._inbox.collecting() as outcome:
                    await self._hear(entry, outcome, again=again)
            case Own(value):
                await self._wire.act(value, again)

    async def _hear(self, entry: Heard, outcome: Outcome, *, again: bool) -> None:
        listener = self._listener
        assert listener is not None
        if entry.passed_on and not entry.text:
            self.tell(texts.PASSED_ON)
            return
        age = max(0.0, time.time() - self._wire.clock_ahead - entry.date) if entry.date else None
        number = number_in(entry.text) if entry.from_owner and entry.alone else None
        late = age is not None and age > self._lifetime
        if entry.from_owner and late and (number is not None or is_about_a_call(entry.text)):
            self.tell(texts.too_late(entry.text, senders_date=self._wire.senders_date))
            return
        if number is not None:
            await self._chosen(number, listener)
            return
        self._hearing = entry
        try:
            caused = await listener.hear(
                IncomingMessage(
                    entry.text,
                    sender=entry.shown or entry.sender or "owner",
                    from_owner=entry.from_owner,
                    chat=entry.chat,
                    alone=entry.alone,
                    identity=Identity(shown=entry.shown) if entry.shown and not entry.from_owner else None,
                    tell_missed=not entry.from_owner,
                    age=None if self._wire.senders_date else age,
                    again=again,
                )
            )
        finally:
            self._hearing = None
        self._note_writer(entry, caused.posts)
        for task in caused.unfinished:
            self._unfinished.note(values.to_bytes(entry), task, outcome.facts, listener)

    async def _chosen(self, number: int, listener: Listener) -> None:
        choice = self._choices.meant(number)
        if choice is None or not choice.what:
            self.tell(texts.NO_SUCH_CHOICE)
            return
        try:
            if choice.what.startswith(WRITES):
                self._follow(choice.about, choice.what.removeprefix(WRITES))
            elif (action := replies.action(choice.what, choice.about)) is not None:
                await listener.act(action, self._owners_chat)
            else:
                await self._wire.choose(choice.what, choice.about)
        except CopybaraError as error:
            self.tell(Sentence(error.kind, error.sentence, error.hint))

    def _note_writer(self, entry: Heard, posts: list[Post]) -> None:
        """Note who first brought a contact's proven link.

        That account gets the contact's next links once the call connects.

        This decides where links go, never what they may do. Anybody can pass a link on, and the call is still the
        contact's. So another account replaces the first one only if the owner says so.
        """
        if entry.from_owner or entry.passed_on or not entry.writer:
            return
        for post in posts:
            if post.line is not None and post.line.proven:
                self._brought[post.line.id] = entry.writer, entry.shown or entry.sender or entry.writer

    def _learn(self, line: Line, outcome: Outcome) -> None:
        if line.call.ended:
            self._brought.pop(line.id, None)
        elif line.call.state is State.ACTIVE and (brought := self._brought.pop(line.id, None)) is not None:
            writer, shown = brought
            name = f"{WRITES}{line.peer}"
            known = self._writers.setdefault(name, writer)
            outcome.facts[name] = known.encode()
            offer = f"{WRITES}{writer}"
            if known != writer and not any((each.what, each.about) == (offer, name) for each in self._choices.open()):
                self.tell(texts.other_account(line.name, shown), choices=[(offer, texts.follow(line.name))], about=name)

    def _follow(self, name: str, writer: str) -> None:
        """Send a contact's links to that account from now on. `name` is the name of the fact."""
        with self._inbox.collecting() as outcome:
            self._writers[name] = writer
            outcome.facts[name] = writer.encode()
            self._close(name, outcome)
            self.tell(texts.FOLLOWED)

    # What the owner gets without a command.

    async def _tell_notices(self) -> None:
        if self._wire.has_owner:
            await tell_notices(self._notices, self._journal, self._inbox, self.tell)

    def _tell_of_clock(self) -> None:
        ahead = self._wire.clock_ahead
        if self._wire.has_owner and self._clock_news.due(ahead, time.monotonic()):
            said = texts.clock_is_off(self._wire.whose_clock, ahead)
            self.say(said)
            self.tell(said)

    async def _tell_missed(self) -> None:
        def to_bytes(sentence: Sentence) -> bytes:
            return values.to_bytes(Outgoing(sentence.text, self._owners_chat, written=int(time.time())))

        if await tell_missed(self._journal, self._writer, to_bytes):
            self._outbox.take_up()

    def _set_aside(self, why: str) -> None:
        self.say(texts.set_aside(why))
        self.tell(texts.set_aside(why))

    def _not_delivered(self, message: Outgoing | None, why: str) -> None:
        in_log = texts.not_accepted(self._wire.title, why)
        logger.warning("%s", in_log.text)
        if message is None or (message.queue == self._owners_chat and message.source != FAILURES):
            self.say(in_log)
            said = texts.not_delivered(self._wire.title, message.text if message is not None else "?", why)
            with self._inbox.collecting() as outcome:
                self._put(said.text, outcome, source=FAILURES)

    def _disk_troubled(self, error: StoreError | None) -> None:
        said = texts.can_store() if error is None else texts.cannot_store(error.sentence)
        self.say(said)
        if not self._wire.has_owner:
            return
        if error is None:
            self.tell(said)
        else:
            self._warnings.put_nowait(said)  # nothing that must be stored first could be sent

    async def _warn(self) -> None:
        while True:
            said = await self._warnings.get()
            try:
                await self._wire.warn(said)
            except (Refused, NotNow) as error:
                logger.info("The owner can't be warned: %s", type(error).__name__)

    # Writing.

    def _put_post(self, post: Post, call: str, outcome: Outcome) -> None:
        hearing = self._hearing
        stranger = hearing.sender if hearing is not None else ""
        about_nobodys_call = post.to == "owner" and post.line is None
        if stranger and about_nobodys_call:
            warn = functools.partial(self._put, texts.MANY_CARDS.text, outcome, source=stranger)
            if not self._strangers_cards.allow(stranger, warn):
                return
        if hearing is not None and call and not hearing.passed_on:
            # The first post about a call is made while its link is being read.
            self._bringers.setdefault(call, hearing.writer)
        about = replies.subject(post)
        message = compose(
            post,
            self._name,
            known=self._writers.get(f"{WRITES}{post.contact.node}") if post.contact else None,
            brought=self._bringers.get(call),
            choices=self._offer(replies.offers(post), about, outcome, reserved=replies.may_take_reserve(post.line))
            if about and post.to == "owner"
            else [],
            answers=hearing is not None and hearing.from_owner,
            source=stranger if about_nobodys_call else "",
            now=int(time.time()),
        )
        if self._outbox.has_room(message):
            outcome.outgoing.append((call or None, values.to_bytes(message)))

    def _close_what_is_over(self) -> None:
        """Close the choices of calls that are over. The last run may have been killed before it could."""
        over = {each.about for each in self._choices.open() if each.what in replies.WHILE_IT_LASTS}
        with self._inbox.collecting() as outcome:
            for call in over:
                if self._calls.kept(call) is None:
                    self._close(call, outcome)

    def _close(self, call: str, outcome: Outcome) -> None:
        self._choices.close(call, time.time())
        outcome.facts[CHOICES] = self._choices.to_bytes()

    def _offer(self, what: Iterable[str], about: str, outcome: Outcome, *, reserved: bool) -> list[Choice]:
        offered = self._choices.offer(what, about, time.time(), reserved=reserved)
        if offered:
            outcome.facts[CHOICES] = self._choices.to_bytes()
        return offered

    def _put(self, text: str, outcome: Outcome, *, source: str = "") -> None:
        message = Outgoing(text, self._owners_chat, source=source, written=int(time.time()))
        if text and self._outbox.has_room(message):
            outcome.outgoing.append((None, values.to_bytes(message)))

    async def _send(self, message: Outgoing, number: int) -> None:
        """Send one message. Raises Refused, NotNow."""
        if message.handset:
            await self._page_known.wait()
            if self._page is not None:
                address = self._page.address_for(f"{self._name} {number}", lambda: None)
                message = msgspec.structs.replace(message, text=f"{message.text}\n{address}")
        await self._wire.send(message, number)

    def _stored(self, outcome: Outcome) -> None:
        """Send the messages of an outcome, which is now in the journal."""
        self._outbox.take_up()
