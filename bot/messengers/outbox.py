"""What is to be written to a messenger: a queue for each chat, the urgent first, and no chat holds up another.

Messages are kept in the journal until the messenger has them. Three kinds wait in line, see Priority; inside a kind
they keep their order. What the messenger refuses for now ("too fast", "no network") is tried again, in its chat only.

What others cause is bounded: a source may have so many messages waiting, those that can be are joined into one, and
what comes beyond that is counted and left out. Everything together is bounded as well, in number and in age.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import Journal, Kept

MAX_WAITING = 1000
"Messages of all chats together that are kept; links and answers get as much again."

MAX_WAITING_OF_SOURCE = 40
"Messages that one call or one stranger may have waiting."

MAX_WAITING_OF_OTHERS = MAX_WAITING // 2
"Messages of all calls and strangers together; the rest is kept free for what nobody else causes."

MAX_AGE_SECONDS = 24 * 3600
"How long a message waits for a messenger that can't be reached; a link is of no use after ten minutes."

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 30.0
"How long to wait after a failure; doubled each time."

AT_ONCE, KEPT_FREE = 6, 2
"Messages that are on their way at the same time, each in its own chat; KEPT_FREE of these places are for urgent ones."

LINK_SECONDS = 1.0
"How long everything else waits for a link to arrive, at most."

START_SECONDS = 5.0
"How long a start waits until what the last run left is sent, before anything new is acted on."

PASSED_BY_AFTER = 3
"Failures of one message after which the next in its chat is tried in turn with it: the fault may be the message's."

logger = logging.getLogger(__name__)


class Priority(enum.IntEnum):
    """What leaves first."""

    LINK = 0
    "Links: somebody waits for them."

    ANSWER = 1
    "What the owner has just asked for, and the messages that show calls."

    NEWS = 2
    "Everything else."


class Refused(Exception):
    """The messenger doesn't take this message, now or ever. The text is its reason."""


class NotNow(Exception):
    """The messenger may take it later."""

    def __init__(self, seconds: float | None = None) -> None:
        """`seconds`: when, if the messenger says so."""
        super().__init__(seconds)
        self.seconds = seconds


class QueuedMessage(Protocol):
    """A message as the outbox sees it; a value."""

    @property
    def queue(self) -> str:
        """The chat that it goes to, in the messenger's own terms."""

    @property
    def urgency(self) -> Priority:
        """When it leaves."""

    @property
    def source(self) -> str:
        """The call or the stranger that caused it; empty: the owner, or nobody who could cause many."""

    @property
    def written(self) -> int:
        """When it was written, Unix seconds."""

    def joined(self, other: Self) -> Self | None:
        """This one and a later one as one message, if they can be."""

    def others_left_out(self, count: int) -> Self:
        """The same, with a word about messages of its source that were left out."""

    @property
    def other_ways(self) -> tuple[Self, ...]:
        """What is written instead if the messenger refuses it."""


M = TypeVar("M", bound=QueuedMessage)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages may go."""

    per_second: int
    "To all chats together."

    burst: int
    "Messages that a chat may get at once …"

    seconds_each: float
    "… after which it gets one each time these have passed."

    urgent_too: bool
    "Whether that holds for what is urgent as well, or only for news."


@dataclass(eq=False)
class _Item(Generic[M]):
    """One thing to be written in one chat."""

    priority: Priority
    number: int
    "Its place among those of its priority."

    message: M | None = None
    rows: list[int] = field(default_factory=list)
    "Of the journal, that are done with it."

    call: str | None = None
    key: str = ""
    "Of something that isn't kept, but made when it is written."

    make: Callable[[], Awaitable[None]] | None = None
    not_before: float = 0.0
    failures: int = 0


class _Chat(Generic[M]):
    """The queue of one chat."""

    def __init__(self) -> None:
        self.items: list[_Item[M]] = []
        self.paused_until = 0.0
        self.failures = 0
        self.at_work: _Item[M] | None = None
        self.sent: deque[float] = deque()

    def pause(self, seconds: float | None) -> None:
        """Write nothing for so long; None: a little longer each time."""
        if seconds is None:
            seconds = min(FIRST_RETRY_SECONDS * 2**self.failures, LAST_RETRY_SECONDS)
            self.failures = min(self.failures + 1, 16)
        self.paused_until = asyncio.get_running_loop().time() + seconds

    def next(self, now: float) -> _Item[M] | None:
        """What is to be written next, and may be."""
        ready = sorted(
            (item for item in self.items if item.not_before <= now), key=lambda item: (item.priority, item.number)
        )
        if len(ready) > 1 and ready[0].failures >= PASSED_BY_AFTER and ready[0].failures % 2:
            ready[0].failures += 1
            return ready[1]
        return ready[0] if ready else None

    def due(self, now: float, pace: Pace) -> float:
        """In how many seconds it may be written to; infinite if there is nothing to write."""
        while self.sent and self.sent[0] <= now - pace.seconds_each * pace.burst:
            self.sent.popleft()
        if self.at_work is not None or not self.items:
            return float("inf")
        wait = max(self.paused_until, min(item.not_before for item in self.items)) - now
        is_news = self.priority is Priority.NEWS
        # What is urgent finds room in the burst, whatever went before it.
        burst = pace.burst - pace.burst // 4 if is_news else pace.burst
        if len(self.sent) >= burst and (is_news or pace.urgent_too):
            wait = max(wait, self.sent[-burst] + pace.seconds_each * pace.burst - now)
        return max(0.0, wait)

    @property
    def priority(self) -> Priority:
        """Of the most urgent that waits."""
        return min((item.priority for item in self.items), default=Priority.NEWS)


class Outbox(Generic[M]):
    """Writes what the journal keeps, and what is offered to it."""

    def __init__(
        self,
        journal: Journal,
        writer: JournalWriter,
        *,
        read: Callable[[bytes], M],
        to_bytes: Callable[[M], bytes],
        send: Callable[[M, int], Awaitable[None]],
        pace: Callable[[str], Pace],
        lost: Callable[[M | None, str], None],
    ) -> None:
        """`send` writes one message with its number in the journal; it raises Refused or NotNow. `pace` is that of a
        chat. `lost` gets a message that is given up, and why; None: it couldn't be read.
        """
        self._journal = journal
        self._writer = writer
        self._read = read
        self._to_bytes = to_bytes
        self._send = send
        self._pace = pace
        self._lost = lost
        self._chats: dict[str, _Chat[M]] = {}
        self._seen = 0
        "The number of the last row that was taken up."
        self._waiting: Counter[str] = Counter()
        "Rows that wait, by their source."
        self._left_out: Counter[str] = Counter()
        "By source, until its next message says so. Of more than MAX_WAITING sources the oldest are forgotten."
        self._numbers = 0
        self._sent: deque[float] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._links_first = 0.0
        "Until when nothing else is begun, for a link is on its way; in the loop's time."

    # What is to be written.

    def has_room(self, message: M) -> bool:
        """Whether one more message may be kept. If not, it is counted, and the next of its source says so."""
        total = self._waiting.total()
        if message.urgency is Priority.NEWS:
            full = total >= MAX_WAITING or (
                message.source != ""
                and (
                    self._waiting[message.source] >= MAX_WAITING_OF_SOURCE
                    or total - self._waiting[""] >= MAX_WAITING_OF_OTHERS
                )
            )
        else:
            full = total >= 2 * MAX_WAITING
        if full:
            self._left_out[message.source] += 1
            if len(self._left_out) > MAX_WAITING:
                del self._left_out[next(iter(self._left_out))]
        return not full

    def take_up(self) -> None:
        """Read from the journal what isn't here yet."""
        for kept in self._journal.outgoing(after=self._seen):
            self._seen = kept.id
            try:
                message = self._read(kept.value)
            except Exception as error:
                # Written by another version, or damaged.
                logger.info("A message in the outbox can't be read: %s", type(error).__name__)
                self._give_up(kept, None, "it can't be read any more")
                continue
            if message.written and message.written + MAX_AGE_SECONDS < time.time():
                self._give_up(kept, message, "it is too old")
                continue
            if self._waiting.total() >= 3 * MAX_WAITING:
                self._give_up(kept, message, "too many are waiting")
                continue
            self._waiting[message.source] += 1
            self._add(message, kept)
        self._wake()

    def offer(self, chat: str, key: str, make: Callable[[], Awaitable[None]], *, not_before: float = 0.0) -> None:
        """Let `make` write something in a chat, with the priority of an answer. Offered again under the same key before
        that, it is written once. `not_before` is in the loop's time.
        """
        queue = self._chats.setdefault(chat, _Chat())
        for item in queue.items:
            if item.key == key and item is not queue.at_work:
                item.make, item.not_before = make, min(item.not_before, not_before)
                break
        else:
            queue.items.append(_Item(Priority.ANSWER, self._next_number(), key=key, make=make, not_before=not_before))
        self._wake()

    def take_back(self, call: str) -> None:
        """Forget what a call wanted to have written; the caller does so in the journal."""
        for queue in self._chats.values():
            for item in [item for item in queue.items if item.call == call and item is not queue.at_work]:
                self._done(queue, item)

    def hurry(self) -> None:
        """The messenger can be reached again: what waited for that is tried at once."""
        for queue in self._chats.values():
            if queue.failures:
                queue.paused_until, queue.failures = 0.0, 0
        self._work.set()

    async def finish(self, seconds: float) -> None:
        """Write what is left when the program ends. Nothing waits for its time; each step takes `seconds` at most."""
        for queue in self._chats.values():
            for item in queue.items:
                item.not_before = 0.0
        self._wake()
        await self._writer.flush(seconds)
        await self.flush(seconds)
        await self._writer.flush(seconds)

    async def flush(self, seconds: float) -> None:
        """Wait until everything is written, but not longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    # Writing it.

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._work.clear()
                wait = float("inf")
                for name in sorted(self._chats, key=lambda name: self._chats[name].priority):
                    wait = min(wait, self._begin(name, loop.time(), group))
                if not self._tasks and not any(chat.items for chat in self._chats.values()):
                    self._idle.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if wait == float("inf") else wait):
                        await self._work.wait()

    def _begin(self, name: str, now: float, group: asyncio.TaskGroup) -> float:
        """Begin to write in a chat if that may be; otherwise in how many seconds, infinite: when something changes."""
        chat, pace = self._chats[name], self._pace(name)
        due = chat.due(now, pace)
        if not (chat.items or chat.sent or chat.paused_until > now):
            del self._chats[name]
        while self._sent and self._sent[0] <= now - 1.0:
            self._sent.popleft()
        if len(self._sent) >= pace.per_second:
            due = max(due, self._sent[0] + 1.0 - now)
        if chat.priority is not Priority.LINK:
            due = max(due, self._links_first - now)
        if due > 0:
            return due
        if len(self._tasks) >= (AT_ONCE if chat.priority is not Priority.NEWS else AT_ONCE - KEPT_FREE):
            return float("inf")
        item = chat.next(now)
        if item is None:
            return float("inf")
        chat.at_work = item
        chat.sent.append(now)
        self._sent.append(now)
        if item.priority is Priority.LINK:
            self._links_first = now + LINK_SECONDS
        task = group.create_task(self._deliver(chat, item))
        self._tasks.add(task)
        task.add_done_callback(self._delivered)
        return float("inf")

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._links_first = 0.0
        self._work.set()

    async def _deliver(self, chat: _Chat[M], item: _Item[M]) -> None:
        message = item.message
        left_out = self._left_out[message.source] if message and message.urgency is Priority.NEWS else 0
        try:
            if message is not None:
                await self._send(message.others_left_out(left_out) if left_out else message, item.rows[0])
            else:
                assert item.make is not None
                await item.make()
        except NotNow as later:
            item.failures += 1
            chat.pause(later.seconds)
            if item.key and any(other.key == item.key for other in chat.items if other is not item):
                chat.items.remove(item)  # what it would say has changed meanwhile
        except Refused as refused:
            self._refused(chat, item, str(refused))
        except Exception as error:
            logger.exception("A message can't be written")
            self._refused(chat, item, type(error).__name__)
        else:
            chat.failures = 0
            if message is not None:
                self._left_out[message.source] -= left_out
                self._left_out += Counter()  # without those that are 0
                self._writer.put(functools.partial(Journal.sent, numbers=item.rows))
            self._done(chat, item)
        finally:
            chat.at_work = None

    def _refused(self, chat: _Chat[M], item: _Item[M], why: str) -> None:
        message = item.message
        if message is not None:
            others = [(item.call, self._to_bytes(other)) for other in message.other_ways]
            aside = [] if others else [self._to_bytes(message)]
            change = functools.partial(Journal.sent, numbers=item.rows, instead=others, aside=aside)
            self._writer.put(change, then=self.take_up)
            if not others:
                self._lost(message, why)
        self._done(chat, item)

    def _give_up(self, kept: Kept, message: M | None, why: str) -> None:
        self._writer.put(functools.partial(Journal.sent, numbers=[kept.id], aside=[kept.value]))
        self._lost(message, why)

    def _add(self, message: M, kept: Kept) -> None:
        chat = self._chats.setdefault(message.queue, _Chat())
        if message.source:
            for item in reversed(chat.items):
                if item is chat.at_work or item.message is None or item.priority is not message.urgency:
                    continue
                both = item.message.joined(message) if item.message.source == message.source else None
                if both is not None:
                    item.message = both
                    item.rows.append(kept.id)
                    return
                break
        chat.items.append(_Item(message.urgency, self._next_number(), message, [kept.id], kept.call))

    def _done(self, chat: _Chat[M], item: _Item[M]) -> None:
        chat.items.remove(item)
        if item.message is not None:
            self._waiting[item.message.source] -= len(item.rows)
            self._waiting += Counter()  # without those that are 0

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()
