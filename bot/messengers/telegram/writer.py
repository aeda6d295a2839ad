"""The sending side: everything that is to be written, one thing after the other, until Telegram has it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec
from telegram.error import TelegramError

from bot.messengers.base import HandsetPage
from bot.messengers.telegram import texts
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.buttons import Rows, handset_row, rows_for
from bot.messengers.telegram.claim import owner_of
from bot.messengers.telegram.faults import Fault, judge
from bot.messengers.telegram.limits import EDIT_SECONDS, FLUSH_SECONDS, REFRESH_SECONDS, REPEAT_SECONDS
from bot.messengers.telegram.live import leads_to_handset, text_of
from bot.messengers.telegram.outgoing import Outgoing, Shown, outgoing_from, shown_from, to_bytes
from peer.calls.line import Line
from shared.call.table import State
from shared.store.journal import Journal, Kept

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Refused(Exception):
    """Telegram doesn't take this request, now or ever."""


class Writer:
    """Writes what is in the journal's outbox, and keeps the messages of calls up to date."""

    def __init__(self, api: Api, journal: Journal, say: Callable[[str], None]) -> None:
        """`say` tells the owner's terminal."""
        self.shown: dict[str, Shown] = {call: shown_from(raw) for call, raw in journal.shown().items()}
        "The calls that have a message, by their id."
        self.lines: dict[str, Line] = {}
        "Those of them that are there."
        self._api = api
        self._journal = journal
        self._say = say
        self._page: HandsetPage | None = None
        self._page_known = asyncio.Event()
        self._dirty: set[str] = set()
        self._next_edit: dict[str, float] = {}
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._aside: set[asyncio.Task[None]] = set()
        self._said_again: dict[str, float] = {}
        self._closing = False
        self._unreachable = False
        self._revoked = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write for the length of the block, and a little longer if something is left."""
        async with self._api.open(), asyncio.TaskGroup() as self._group:
            tasks = [self._group.create_task(self._write()), self._group.create_task(self._refresh())]
            try:
                yield
            finally:
                self._next_edit.clear()  # how it all ended is worth an edit too many
                self._closing = True
                self.wake()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_SECONDS):
                        await self._idle.wait()
                for task in (*tasks, *self._aside):
                    task.cancel()

    def wake(self) -> None:
        """There is something to write."""
        self._idle.clear()
        self._work.set()

    def ready(self, page: HandsetPage | None) -> None:
        """Whether there is a handset page is known from now on."""
        self._page = page
        self._page_known.set()
        for call in self.lines:
            self.touch(call)

    def touch(self, call: str) -> None:
        """The message of a call is out of date."""
        self._dirty.add(call)
        self.wake()

    def aside(self, request: Callable[[], Awaitable[object]]) -> None:
        """Make a small request that nothing depends on, once, beside everything else."""

        async def make() -> None:
            with contextlib.suppress(TelegramError):
                await request()

        assert self._group is not None
        task = self._group.create_task(make())
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def attempt(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Make a request until it has an answer. Raises Refused; a revoked token waits for the end of the program."""
        failures = 0
        while True:
            try:
                result = await request()
            except TelegramError as error:
                verdict = judge(error, failures)
                failures += 1
                match verdict.fault:
                    case Fault.REFUSED:
                        # Telegram's own words; they never hold what was sent.
                        logger.info("Telegram refuses a request: %s", error.message)
                        raise Refused from None
                    case Fault.REVOKED:
                        if not self._revoked:
                            self._revoked = True
                            self._say(texts.revoked())
                        await asyncio.Event().wait()
                    case Fault.CONFLICT:
                        self._say_now_and_then(texts.conflict())
                    case Fault.UNREACHABLE if failures > 1 and not self._unreachable:
                        self._unreachable = True
                        self._say(texts.unreachable())
                await asyncio.sleep(verdict.again_after or 0.0)
            else:
                if self._unreachable:
                    self._unreachable = False
                    self._say(texts.back())
                return result

    def _say_now_and_then(self, text: str) -> None:
        """Say what would otherwise be said every few seconds."""
        now = time.monotonic()
        if now >= self._said_again.get(text, 0.0):
            self._said_again[text] = now + REPEAT_SECONDS
            self._say(text)

    async def _write(self) -> None:
        while True:
            self._work.clear()
            while (kept := self._journal.next_outgoing()) is not None:
                await self._send(kept)
            wait = await self._edit_due()
            if self._work.is_set():
                continue
            if wait is None:
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._work.wait()

    async def _send(self, kept: Kept) -> None:
        message = outgoing_from(kept.value)
        owner = owner_of(self._journal)
        if owner is None and not (message.chat or message.guest):
            self._journal.sent(kept.id)  # nobody is the owner yet, so nobody can be told
            return

        async def send() -> None:
            await self._api.send(self._with_handset(message, kept.id) if message.handset else message, owner or 0)

        if message.handset:
            await self._page_known.wait()
        try:
            await self.attempt(send)
        except Refused:
            self._journal.sent(kept.id, instead=[(kept.call, to_bytes(other)) for other in message.instead])
        else:
            self._journal.sent(kept.id)

    # The messages of calls.

    async def _edit_due(self) -> float | None:
        """Bring messages up to date that may be; returns in how many seconds the next one may be, None: never."""
        owner = owner_of(self._journal)
        if owner is None:
            self._dirty.clear()
        for call in sorted(self._dirty):
            if self._next_edit.get(call, 0.0) <= time.monotonic():
                self._dirty.discard(call)
                await self._update(call, owner or 0)
        due = [self._next_edit.get(call, 0.0) for call in self._dirty]
        return max(0.0, min(due) - time.monotonic()) if due else None

    async def _update(self, call: str, owner: int) -> None:
        shown = self.shown.get(call)
        if shown is None:
            return
        final = shown.final
        line = self.lines.get(call)
        text, rows = text_of(shown, line), rows_for(shown.acts, call)
        if leads_to_handset(line):
            # One that was used is replaced at once.
            rows += self._handset(call, functools.partial(self.touch, call))
        try:
            if shown.message:
                number = shown.message
                await self.attempt(lambda: self._api.edit(owner, number, text, rows))
            else:
                shown.message = await self.attempt(lambda: self._api.send(Outgoing(text, rows=rows), owner))
                self._journal.show(call, to_bytes(shown))
        except Refused:
            # It was deleted, or is too old: what is true now is written anew, once.
            if shown.message:
                shown.message = 0
                self._dirty.add(call)
                return
        if not self._closing:
            self._next_edit[call] = time.monotonic() + EDIT_SECONDS
        if final:
            for kept in (self.shown, self.lines, self._next_edit):
                kept.pop(call, None)
            self._dirty.discard(call)
            self._journal.show(call, None)

    def _with_handset(self, message: Outgoing, number: int) -> Outgoing:
        rows = self._handset(f"message {number}", lambda: None)
        return msgspec.structs.replace(message, rows=(*message.rows, *rows))

    def _handset(self, place: str, used: Callable[[], None]) -> Rows:
        """The button that opens the handset page, if there is one."""
        return () if self._page is None else handset_row(self._page.address_for(place, used))

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            for call, line in self.lines.items():
                if line.call.state is State.ACTIVE:
                    self.touch(call)
