"""Messages waiting to be sent: a queue for each chat, urgent messages first. No chat blocks another one.

Messages stay in the journal until the messenger has them. There are three priorities (see Priority); messages of the
same priority stay in order. If the messenger can't take a message now ("too fast", "no network"), only that chat waits
and tries again.

Everything that others cause is bounded. A source may have a limited number of messages waiting, plain texts are joined,
and messages beyond the limit are counted and left out. The whole outbox is bounded as well, in number and in age.
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
"How many messages of all chats together are kept. Links and answers may use as many again."

MAX_WAITING_OF_SOURCE = 40
"How many messages one call or one stranger may have waiting."

MAX_WAITING_OF_OTHERS = MAX_WAITING // 2
"How many messages all calls and strangers together may have waiting. The rest is free for the owner's own."

MAX_AGE_SECONDS = 24 * 3600
"How long a message waits for an unreachable messenger. (A link is useless after ten minutes.)"

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 30.0
"The first and the longest pause after a failure. Each pause is twice the one before."

AT_ONCE, KEPT_FREE = 6, 2
"How many messages are sent at once, each in its own chat. KEPT_FREE of these places are for urgent messages."

LINK_SECONDS = 1.0
"How long all other messages wait, at most, until a link has arrived."

START_SECONDS = 5.0
"How long a start waits for the last run's messages to leave, before it acts on anything new."

PASSED_BY_AFTER = 3
"""How many failures of a message it takes until it and the next one in its chat are tried in turn. The message itself
may be the problem."""

logger = logging.getLogger(__name__)


class Priority(enum.IntEnum):
    """The order in which messages leave."""

    LINK = 0
    "A link. Somebody waits for it."

    ANSWER = 1
    "A reply to the owner, or a message that shows a call."

    NEWS = 2
    "Everything else."


class Refused(Exception):
    """The messenger refuses this message for good. The text is its reason."""


class NotNow(Exception):
    """The messenger may take the message later."""

    def __init__(self, seconds: float | None = None) -> None:
        """`seconds` is how long to wait, if the messenger says so."""
        super().__init__(seconds)
        self.seconds = seconds


class QueuedMessage(Protocol):
    """A message as the outbox sees it. An immutable value."""

    @property
    def queue(self) -> str:
        """The chat that the message goes to, in the messenger's own terms."""

    @property
    def urgency(self) -> Priority:
        """The message's priority."""

    @property
    def source(self) -> str:
        """The call or the stranger that caused it. Empty: the owner, or something that can't cause many messages."""

    @property
    def written(self) -> int:
        """When it was written, in Unix seconds."""

    def joined(self, other: Self) -> Self | None:
        """This message and a later one as a single message. None if they can't be joined."""

    def others_left_out(self, count: int) -> Self:
        """The same message with a line about `count` messages of its source that were left out."""

    @property
    def other_ways(self) -> tuple[Self, ...]:
        """Messages to send instead if the messenger refuses this one."""


M = TypeVar("M", bound=QueuedMessage)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages may be sent."""

    per_second: int
    "The limit for all chats together."

    burst: int
    "How many messages a chat may get at once …"

    seconds_each: float
    "… before it gets one in each period of this many seconds."

    urgent_too: bool
    "Whether the limit of a chat also applies to urgent messages, or only to news."


@dataclass(eq=False)
class _Item(Generic[M]):
    """A message in the queue of a chat, or a function that writes one."""

    priority: Priority
    number: int
    "Its place among the messages of the same priority."

    message: M | None = None
    rows: list[int] = field(default_factory=list)
    "The journal's rows that are done once this is sent."

    call: str | None = None
    key: str = ""
    "Identifies a message that isn't stored but made when it is sent."

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
        """Send nothing for `seconds`. None: a pause that grows with each failure."""
        if seconds is None:
            seconds = min(FIRST_RETRY_SECONDS * 2**self.failures, LAST_RETRY_SECONDS)
            self.failures = min(self.failures + 1, 16)
        self.paused_until = asyncio.get_running_loop().time() + seconds

    def next(self, now: float) -> _Item[M] | None:
        """The item to send next. None if none is due."""
        ready = sorted(
            (item for item in self.items if item.not_before <= now), key=lambda item: (item.priority, item.number)
        )
        if len(ready) > 1 and ready[0].failures >= PASSED_BY_AFTER and ready[0].failures % 2:
            ready[0].failures += 1
            return ready[1]
        return ready[0] if ready else None

    def due(self, now: float, pace: Pace) -> float:
        """In how many seconds the chat may be written to. Infinite if there is nothing to send."""
        while self.sent and self.sent[0] <= now - pace.seconds_each * pace.burst:
            self.sent.popleft()
        if self.at_work is not None or not self.items:
            return float("inf")
        wait = max(self.paused_until, min(item.not_before for item in self.items)) - now
        is_news = self.priority is Priority.NEWS
        # News leave room in the burst for urgent messages.
        burst = pace.burst - pace.burst // 4 if is_news else pace.burst
        if len(self.sent) >= burst and (is_news or pace.urgent_too):
            wait = max(wait, self.sent[-burst] + pace.seconds_each * pace.burst - now)
        return max(0.0, wait)

    @property
    def priority(self) -> Priority:
        """The priority of the most urgent waiting item."""
        return min((item.priority for item in self.items), default=Priority.NEWS)


class Outbox(Generic[M]):
    """Sends the messages in the journal, and those that are offered to it."""

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
        """`send` sends one message with its number in the journal, and raises Refused or NotNow.

        `pace` gives the pace of a chat. `lost` gets a message that was given up, with the reason; None if the message
        couldn't be read.
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
        "The number of the last row that was read from the journal."
        self._waiting: Counter[str] = Counter()
        "How many rows wait, by source."
        self._left_out: Counter[str] = Counter()
        """How many messages were left out, by source, until the source's next message says so. At most MAX_WAITING
        sources are remembered, and the oldest are forgotten first."""
        self._numbers = 0
        self._sent: deque[float] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._links_first = 0.0
        "Until then only links are sent, because a link is on its way. In the loop's time."

    # Filling the queues.

    def has_room(self, message: M) -> bool:
        """Whether one more message may be stored. If not, it is counted, and the next message of its source says so."""
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
        """Read new messages from the journal."""
        for kept in self._journal.outgoing(after=self._seen):
            self._seen = kept.id
            try:
                message = self._read(kept.value)
            except Exception as error:
                # Another version has written it, or it is damaged.
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
        """Let `make` write something in a chat, with the priority of an answer.

        If the same key is offered again before that, only the last `make` is called. `not_before` is in the loop's
        time.
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
        """Drop the waiting messages of a call. The caller removes them from the journal."""
        for queue in self._chats.values():
            for item in [item for item in queue.items if item.call == call and item is not queue.at_work]:
                self._done(queue, item)

    def hurry(self) -> None:
        """Try failed messages at once, because the messenger can be reached again."""
        for queue in self._chats.values():
            if queue.failures:
                queue.paused_until, queue.failures = 0.0, 0
        self._work.set()

    async def finish(self, seconds: float) -> None:
        """Send what is left when the program ends. Nothing is delayed any more. Each step takes at most `seconds`."""
        for queue in self._chats.values():
            for item in queue.items:
                item.not_before = 0.0
        self._wake()
        await self._writer.flush(seconds)
        await self.flush(seconds)
        await self._writer.flush(seconds)

    async def flush(self, seconds: float) -> None:
        """Wait until everything is sent, but at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    # Sending.

    async def run(self) -> None:
        """Send until cancelled."""
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
        """Start to send in a chat if that is allowed now. Returns in how many seconds to try again.

        Infinite: not before something changes.
        """
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
                chat.items.remove(item)  # a newer item with the same key replaces it
        except Refused as refused:
            self._refused(chat, item, str(refused))
        except Exception as error:
            logger.exception("A message can't be written")
            self._refused(chat, item, type(error).__name__)
        else:
            chat.failures = 0
            if message is not None:
                self._left_out[message.source] -= left_out
                self._left_out += Counter()  # remove the sources with 0
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
            self._waiting += Counter()  # remove the sources with 0

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()
