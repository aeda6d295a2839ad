"""The messages that show calls, one a call, in the owner's chat: sent once, then brought up to date."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from bot.conversation import HandsetPage, Post
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.kept_call import kept_from, token_of
from bot.messengers.outbox import Outbox, Refused
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.buttons import Rows, handset_row, rows_for
from bot.messengers.telegram.call_text import leads_to_handset, text_of
from bot.messengers.telegram.limits import EDIT_SECONDS, REFRESH_SECONDS
from bot.messengers.telegram.outgoing import OWNERS_QUEUE, Shown, TelegramPost, to_bytes
from bot.messengers.telegram.requests import Requests
from peer.calls.line import Line
from shared.call.table import State
from shared.store.journal import Journal


class CallMessages:
    """What is shown of the calls of one owner."""

    def __init__(
        self,
        api: Api,
        requests: Requests,
        outbox: Outbox[TelegramPost],
        journal: Journal,
        writer: JournalWriter,
        *,
        owner: Callable[[], int | None],
    ) -> None:
        self.shown: dict[str, Shown] = {}
        "The calls that have a message, by their id."
        self.lines: dict[str, Line] = {}
        "Those of them that are there."
        for call, raw in journal.shown().items():
            if (shown := kept_from(raw, Shown)) is not None:
                self.shown[call] = shown
        self._api = api
        self._requests = requests
        self._outbox = outbox
        self._writer = writer
        self._owner = owner
        self._page: HandsetPage | None = None
        self._next_edit: dict[str, float] = {}
        self._unstored: set[str] = set()
        "Those about which something was said that isn't in the journal yet."

    def page_is(self, page: HandsetPage | None) -> None:
        """Whether there is a handset page is known from now on."""
        self._page = page
        for call in self.lines:
            self.touch(call)

    def show(self, call: str, post: Post) -> None:
        """What a call's message says from now on."""
        line = post.line
        shown = self.shown.setdefault(call, Shown())
        shown.text, shown.acts = post.text, post.actions
        if line is None:
            shown.final = True
        else:
            self.lines[call] = line
            shown.state, shown.role, shown.media = line.call.state, line.call.role, line.media.words
            shown.automatic, shown.chat = line.shown.automatic, line.chat
            shown.token = token_of(line)
            shown.final = line.call.ended
        if shown.final:
            shown.token = ""
        self._unstored.add(call)

    def stored(self, calls: set[str]) -> None:
        """What was said of calls is in the journal, and may be shown."""
        for call in calls:
            self._unstored.discard(call)
            self.touch(call)

    def kept(self, call: str) -> bytes | None:
        """What the journal keeps of a call."""
        shown = self.shown.get(call)
        return to_bytes(shown) if shown is not None else None

    def touch(self, call: str) -> None:
        """The message of a call is out of date."""
        if call in self.shown and call not in self._unstored:
            self._outbox.offer(
                OWNERS_QUEUE,
                f"call {call}",
                functools.partial(self._update, call),
                not_before=self._next_edit.get(call, 0.0),
            )

    async def refresh(self) -> None:
        """Bring the messages of running calls up to date, now and then, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            for call, line in self.lines.items():
                if line.call.state is State.ACTIVE:
                    self.touch(call)

    def no_later(self) -> None:
        """How it all ended is worth an edit too many."""
        self._next_edit.clear()

    def handset_rows(self, place: str, used: Callable[[], None]) -> Rows:
        """The button that opens the handset page, if there is one."""
        return () if self._page is None else handset_row(self._page.address_for(place, used))

    async def _update(self, call: str) -> None:
        shown, owner = self.shown.get(call), self._owner()
        if shown is None or owner is None:
            return
        final, line = shown.final, self.lines.get(call)
        text, rows = text_of(shown, line), rows_for(shown.acts, call)
        if leads_to_handset(line):
            # One that was used is replaced at once.
            rows += self.handset_rows(call, functools.partial(self.touch, call))
        number = shown.message
        try:
            if number:
                await self._requests.once(lambda: self._api.edit(owner, number, text, rows))
            else:
                shown.message = await self._requests.once(lambda: self._api.send(TelegramPost(text, rows=rows), owner))
                self._writer.put(functools.partial(Journal.show, call=call, value=to_bytes(shown)))
        except Refused:
            # It was deleted, or is too old: what is true now is written again, once.
            if number:
                shown.message = 0
                self.touch(call)
                return
        self._next_edit[call] = asyncio.get_running_loop().time() + EDIT_SECONDS
        if final:
            self.shown.pop(call, None)
            self.lines.pop(call, None)
            self._next_edit.pop(call, None)
            self._writer.put(functools.partial(Journal.show, call=call, value=None))
