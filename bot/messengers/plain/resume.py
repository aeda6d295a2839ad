"""Continues the last run's calls after a start: ringing calls ring again, all others are over."""

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
    """The calls that the owner of a plain messenger knows about and that aren't over."""

    def __init__(self, journal: Journal, writer: JournalWriter) -> None:
        self._writer = writer
        read = ((call, kept_from(raw, KeptCall)) for call, raw in journal.shown().items())
        self._shown = {call: kept for call, kept in read if kept is not None}
        self._left = dict(self._shown)
        "The calls of the last run that haven't been dealt with yet."

    def show(self, line: Line) -> bool:
        """Note a call's state. Returns whether the stored form has changed."""
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
        """Remove a call of the last run that is over."""
        self._left.pop(call, None)
        if self._shown.pop(call, None) is not None:
            self._writer.put(functools.partial(Journal.show, call=call, value=None))

    def kept(self, call: str) -> bytes | None:
        """The stored form of a call."""
        shown = self._shown.get(call)
        return msgspec.json.encode(shown) if shown is not None else None

    async def take_up(self, inbox: Inbox, outbox: Outbox[Outgoing], listener: Listener, owners_chat: str) -> list[bool]:
        """Ring again the calls that rang. For each call that is over, returns whether it waited for an answer."""
        over = []
        for call, shown in list(self._left.items()):
            # The call's waiting messages name a port that no longer exists.
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
