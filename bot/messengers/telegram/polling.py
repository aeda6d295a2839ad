"""Fetches updates: stores them before they are confirmed, limits strangers, and compares the clocks."""

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
from bot.messengers.telegram.incoming import Incoming, Tapped, TelegramMessage, from_bytes, stranger, to_bytes
from bot.messengers.telegram.limits import TAP_SECONDS, UPDATE_IDS_RESTART_SECONDS, UPDATES_AT_ONCE
from bot.messengers.telegram.requests import Requests
from bot.messengers.telegram.update_reader import UpdateReader

AT_ONCE = 20
"How many updates are read before other tasks, such as the media's, run."

NUMBERS_REMEMBERED = 1000
"How many updates are remembered, so that updates that Telegram repeats count once."

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
        "When Telegram last had no more updates, by both clocks. None if it may still have some."
        self._seen_all: tuple[float, float] | None = None
        "When Telegram last had no more updates, by both clocks, even if it has some now. None if that never happened."

    @property
    def is_behind(self) -> bool:
        """Whether Telegram may have more updates than we have read. Then the next request doesn't wait."""
        return self._empty_since is None

    async def fetch(self) -> None:
        """Wait for updates, and store them."""
        if time.monotonic() - self._fetched > UPDATE_IDS_RESTART_SECONDS:
            self._offset = None
        try:
            updates = await self._requests.until_answered(
                lambda: self._api.updates(self._offset, wait=self._knows_since_when())
            )
        except Refused:  # this request can't be refused
            await asyncio.sleep(1.0)
            return
        if updates:
            await self._store(updates, _seconds_since(self._empty_since), _seconds_since(self._seen_all))
            self._fetched = time.monotonic()
            self._offset = max(update["update_id"] for update in updates) + 1
        self._empty_since = None if len(updates) >= UPDATES_AT_ONCE else _now()
        self._seen_all = self._empty_since or self._seen_all

    def _knows_since_when(self) -> bool:
        """Whether the age of the next updates is known.

        If not, waiting updates are fetched first, apart from new ones.
        """
        since = _seconds_since(self._empty_since)
        return since is not None and since < TAP_SECONDS

    async def _store(self, updates: list[dict[str, Any]], at_most: float | None, tapped: float | None) -> None:
        """Store updates.

        `at_most` is the greatest possible age of the oldest one, in seconds; None if that isn't known. `tapped` is the
        same for taps. For taps it also counts while Telegram has more updates than it sends at once.
        """
        entries = []
        for count, update in enumerate(updates, 1):
            try:
                entry = self._reader.read(update)
                if isinstance(entry, Tapped) and tapped is not None:
                    entry = msgspec.structs.replace(entry, since=int(time.time() - tapped))
                raw = to_bytes(entry) if entry is not None else b""
                if entry is not None:
                    from_bytes(raw)  # the library checks no types
            except Exception as error:
                # A newer Bot API may have sent it. The other updates of the batch must not be lost because of it.
                logger.info("An update couldn't be read: %s", type(error).__name__)
                continue
            if entry is not None and self._has_room(update["update_id"], entry):
                if isinstance(entry, TelegramMessage) and at_most is not None:
                    self._clock.new_message(entry.date, time.time(), at_most=at_most)
                entries.append((update["update_id"], raw))
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._inbox.store(entries)

    def _has_room(self, number: int, entry: Incoming) -> bool:
        """Whether an update is stored. A stranger's is only stored if they haven't sent too many.

        A repeated one counts once.
        """
        sender = stranger(entry)
        if not sender:
            return True
        if number not in self._counted:
            self._counted[number] = self._limit.allows(sender, time.monotonic())
            if len(self._counted) > NUMBERS_REMEMBERED:
                self._counted.popitem(last=False)
        return self._counted[number]


def _seconds_since(then: tuple[float, float] | None) -> float | None:
    """Seconds since then.

    One clock stops while the machine sleeps and the other may be set, so the larger value counts.
    """
    return None if then is None else max(now - before for now, before in zip(_now(), then, strict=True))


def _now() -> tuple[float, float]:
    return time.monotonic(), time.time()
