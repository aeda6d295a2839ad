"""After a start: of the calls that the last run has left, those that rang ring again; others are over."""

from __future__ import annotations

import functools

import msgspec

from bot.conversation import Listener
from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.kept_call import KeptCall, kept_from, ring_again, token_of
from bot.messengers.outbox import Outbox
from bot.messengers.plain.values import Outgoing
from peer.calls.line import Line
from shared.store.journal import Journal


class ShownCalls:
    """The calls that the owner of a plain messenger was told of and that aren't over."""

    def __init__(self, journal: Journal, writer: JournalWriter) -> None:
        self._writer = writer
        read = ((call, kept_from(raw, KeptCall)) for call, raw in journal.shown().items())
        self._shown = {call: kept for call, kept in read if kept is not None}
        self._left = dict(self._shown)
        "Those of the last run that nothing was done about yet."

    def show(self, line: Line) -> bool:
        """Keep how a call stands; whether that is something new to keep."""
        call = line.call
        shown = KeptCall(
            state=call.state,
            role=call.role,
            automatic=line.shown.automatic,
            media=line.media.words,
            token=token_of(line),
            chat=line.chat,
        )
        self._left.pop(line.id, None)
        if call.ended:
            if self._shown.pop(line.id, None) is not None:
                self._writer.put(functools.partial(Journal.show, call=line.id, value=None))
            return False
        if self._shown.get(line.id) == shown:
            return False
        self._shown[line.id] = shown
        return True

    def over(self, call: str) -> None:
        """The owner hears that a call of the last run is over."""
        self._left.pop(call, None)
        if self._shown.pop(call, None) is not None:
            self._writer.put(functools.partial(Journal.show, call=call, value=None))

    def kept(self, call: str) -> bytes | None:
        """What the journal keeps of a call."""
        shown = self._shown.get(call)
        return msgspec.json.encode(shown) if shown is not None else None

    async def take_up(self, inbox: Inbox, outbox: Outbox[Outgoing], listener: Listener, owners_chat: str) -> list[bool]:
        """Ring again what rang; for each call that is over, whether it was one that waited for an answer."""
        over = []
        for call, shown in list(self._left.items()):
            # What it had to write belongs to a port that is gone.
            await self._writer.write(functools.partial(Journal.take_back, call=call))
            outbox.take_back(call)
            if shown.waited and shown.token:
                with inbox.collecting(keep=True) as outcome:
                    await ring_again(shown, call, listener, owners_chat, lambda each: each not in self._left)
                await inbox.done([], outcome)
            if call in self._left:
                self.over(call)
                over.append(shown.waited)
        return over
