"""The messages in the owner's chat that show calls, one per call. Each is sent once and then updated."""

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
    """The messages of one owner's calls."""

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
        "The calls that have a message, by id."
        self.lines: dict[str, Line] = {}
        "The lines of those calls, as long as they exist."
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
        "Calls whose latest text isn't in the journal yet."

    def page_is(self, page: HandsetPage | None) -> None:
        """Note whether there is a handset page."""
        self._page = page
        for call in self.lines:
            self.touch(call)

    def show(self, call: str, post: Post) -> None:
        """Set the text of a call's message."""
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
        """Note that the texts of these calls are in the journal. They may be shown now."""
        for call in calls:
            self._unstored.discard(call)
            self.touch(call)

    def kept(self, call: str) -> bytes | None:
        """The stored form of a call."""
        shown = self.shown.get(call)
        return to_bytes(shown) if shown is not None else None

    def touch(self, call: str) -> None:
        """Note that a call's message must be updated."""
        if call in self.shown and call not in self._unstored:
            self._outbox.offer(
                OWNERS_QUEUE,
                f"call {call}",
                functools.partial(self._update, call),
                not_before=self._next_edit.get(call, 0.0),
            )

    async def refresh(self) -> None:
        """Update the messages of running calls every REFRESH_SECONDS, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            for call, line in self.lines.items():
                if line.call.state is State.ACTIVE:
                    self.touch(call)

    def no_later(self) -> None:
        """Send the final state of each call at once, even if that is one edit too many."""
        self._next_edit.clear()

    def handset_rows(self, place: str, used: Callable[[], None]) -> Rows:
        """The button that opens the handset page, if there is a page."""
        return () if self._page is None else handset_row(self._page.address_for(place, used))

    async def _update(self, call: str) -> None:
        shown, owner = self.shown.get(call), self._owner()
        if shown is None or owner is None:
            return
        final, line = shown.final, self.lines.get(call)
        text, rows = text_of(shown, line), rows_for(shown.acts, call)
        if leads_to_handset(line):
            # A used button is replaced at once.
            rows += self.handset_rows(call, functools.partial(self.touch, call))
        number = shown.message
        try:
            if number:
                await self._requests.once(lambda: self._api.edit(owner, number, text, rows))
            else:
                shown.message = await self._requests.once(lambda: self._api.send(TelegramPost(text, rows=rows), owner))
                self._writer.put(functools.partial(Journal.show, call=call, value=to_bytes(shown)))
        except Refused:
            # The message was deleted or is too old to edit. Send a new one, once.
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
