"""After a start: of the calls that the last run has left, those that rang ring again; others are over."""

from __future__ import annotations

import contextlib
import functools

from bot.conversation import Act, Action, IncomingMessage, Listener
from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.outbox import Outbox
from bot.messengers.plain.values import Outgoing, Shown, shown_from, to_bytes
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError
from shared.links.tokens import to_text
from shared.media import Media
from shared.secrets.handshake import Role
from shared.store.journal import Journal


class ShownCalls:
    """The calls that the owner of a plain messenger was told of and that aren't over."""

    def __init__(self, journal: Journal, writer: JournalWriter) -> None:
        self._writer = writer
        self._shown = {call: shown for call, raw in journal.shown().items() if (shown := shown_from(raw)) is not None}
        self._left = dict(self._shown)
        "Those of the last run that nothing was done about yet."

    def show(self, line: Line) -> bool:
        """Keep how a call stands; whether that is something new to keep."""
        call = line.call
        shown = Shown(
            state=call.state,
            role=call.role,
            automatic=line.automatic,
            media=line.media.words,
            token=to_text(line.link.raw) if call.role is Role.CALLEE and line.link.raw else "",
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
        return to_bytes(shown) if shown is not None else None

    async def take_up(self, inbox: Inbox, outbox: Outbox[Outgoing], listener: Listener, owners_chat: str) -> list[bool]:
        """Ring again what rang; for each call that is over, whether it was one that waited for an answer."""
        over = []
        for call, shown in list(self._left.items()):
            # What it had to write belongs to a port that is gone.
            await self._writer.write(functools.partial(Journal.take_back, call=call))
            outbox.take_back(call)
            waits = shown.role == Role.CALLEE and shown.state in (State.RINGING, State.CONNECTING)
            if waits and shown.token:
                with inbox.collecting(keep=True) as outcome:
                    await self._ring_again(call, shown, listener, owners_chat)
                await inbox.done([], outcome)
            if call in self._left:
                self.over(call)
                over.append(waits)
        return over

    async def _ring_again(self, call: str, shown: Shown, listener: Listener, owners_chat: str) -> None:
        answered = shown.state == State.CONNECTING and not shown.automatic
        act = Act.ANSWER_AUDIO if shown.media == Media.AUDIO.words else Act.ANSWER
        await listener.hear(
            IncomingMessage(shown.token, "", from_owner=False, chat=shown.chat, tell_missed=True, again=True)
        )
        if answered and call not in self._left:
            with contextlib.suppress(CopybaraError):
                await listener.act(Action(act, call), owners_chat)
