"""Fetching updates: stored before they are confirmed, the strangers' bounded, and the clocks compared."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any

import msgspec

from bot.messengers.clock import Clock
from bot.messengers.inbox import Inbox
from bot.messengers.outbox import Refused
from bot.messengers.rate_limit import LINKS_PER_MINUTE, RateLimit
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.incoming import Incoming, Tapped, TelegramMessage, stranger, to_bytes
from bot.messengers.telegram.limits import TAP_SECONDS, UPDATE_IDS_RESTART_SECONDS, UPDATES_AT_ONCE
from bot.messengers.telegram.requests import Requests
from bot.messengers.telegram.update_reader import UpdateReader

AT_ONCE = 20
"Updates that are read before other tasks, such as the media's, get their turn."

NUMBERS_REMEMBERED = 1000
"Updates that are known again when Telegram repeats them, so that they are counted once."

logger = logging.getLogger(__name__)


class Polling:
    """The updates of one bot."""

    def __init__(self, api: Api, requests: Requests, inbox: Inbox, reader: UpdateReader, clock: Clock) -> None:
        self._api = api
        self._requests = requests
        self._inbox = inbox
        self._reader = reader
        self._clock = clock
        self._limit = RateLimit(LINKS_PER_MINUTE, seconds=60.0)
        self._counted: OrderedDict[int, bool] = OrderedDict()
        self._offset: int | None = None
        self._fetched = time.monotonic()
        self._empty_since: tuple[float, float] | None = None
        "When Telegram last had nothing more for us, by both clocks; None if it may have kept some."
        self._seen_all: tuple[float, float] | None = None
        "The same, also while it has more again; None if that was never so in this run."

    @property
    def is_behind(self) -> bool:
        """Whether Telegram may have kept more for us than we have seen; no time is spent on waiting then."""
        return self._empty_since is None

    async def fetch(self) -> None:
        """Wait for updates, and store them."""
        if time.monotonic() - self._fetched > UPDATE_IDS_RESTART_SECONDS:
            self._offset = None
        try:
            updates = await self._requests.until_answered(
                lambda: self._api.updates(self._offset, wait=self._knows_since_when())
            )
        except Refused:  # it can't be, for what it asks
            await asyncio.sleep(1.0)
            return
        if updates:
            await self._store(updates, _seconds_since(self._empty_since), _seconds_since(self._seen_all))
            self._fetched = time.monotonic()
            self._offset = max(update["update_id"] for update in updates) + 1
        self._empty_since = None if len(updates) >= UPDATES_AT_ONCE else _now()
        self._seen_all = self._empty_since or self._seen_all

    def _knows_since_when(self) -> bool:
        """Whether what comes next came just now. Else what has waited is fetched first, apart from what comes now."""
        since = _seconds_since(self._empty_since)
        return since is not None and since < TAP_SECONDS

    async def _store(self, updates: list[dict[str, Any]], at_most: float | None, tapped: float | None) -> None:
        """`at_most`: how many seconds ago the oldest of them can have been written, if that is known; `tapped` is the
        same of taps: only for them it counts also while Telegram has more than it brings at once.
        """
        entries = []
        for count, update in enumerate(updates, 1):
            try:
                entry = self._reader.read(update)
                if isinstance(entry, Tapped) and tapped is not None:
                    entry = msgspec.structs.replace(entry, since=int(time.time() - tapped))
                kept = to_bytes(entry) if entry is not None else b""
            except Exception as error:
                # Something that a later Bot API has brought. The others of its batch are not lost for it.
                logger.info("An update couldn't be read: %s", type(error).__name__)
                continue
            if entry is not None and self._has_room(update["update_id"], entry):
                if isinstance(entry, TelegramMessage) and at_most is not None:
                    self._clock.new_message(entry.date, time.time(), at_most=at_most)
                entries.append((update["update_id"], kept))
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._inbox.store(entries)

    def _has_room(self, number: int, entry: Incoming) -> bool:
        """Whether an update is kept: a stranger's only if they haven't sent too many. A repeated one counts once."""
        sender = stranger(entry)
        if not sender:
            return True
        if number not in self._counted:
            self._counted[number] = self._limit.allows(sender, time.monotonic())
            if len(self._counted) > NUMBERS_REMEMBERED:
                self._counted.popitem(last=False)
        return self._counted[number]


def _seconds_since(then: tuple[float, float] | None) -> float | None:
    """One of the clocks stands while the machine sleeps, the other may be set meanwhile: what the later one says."""
    return None if then is None else max(now - before for now, before in zip(_now(), then, strict=True))


def _now() -> tuple[float, float]:
    return time.monotonic(), time.time()
