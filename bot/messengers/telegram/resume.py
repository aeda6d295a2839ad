"""After a start: what the last run of the program left. Calls that rang ring again, those that were up go on, and names
that were being looked up are looked up again.
"""

from __future__ import annotations

import contextlib
import functools

import msgspec

from bot.conversation import Act, Action, IncomingMessage, Listener
from bot.messengers import texts as common
from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.outbox import Outbox
from bot.messengers.telegram.call_messages import CallMessages
from bot.messengers.telegram.conversations import OWNER
from bot.messengers.telegram.incoming import Heard, from_bytes
from bot.messengers.telegram.outgoing import Outgoing, Shown
from bot.messengers.unfinished import taken_up
from shared.call.table import State
from shared.errors import CopybaraError
from shared.media import Media
from shared.secrets.handshake import Role
from shared.store.journal import Journal


async def take_up_calls(
    calls: CallMessages, inbox: Inbox, outbox: Outbox[Outgoing], writer: JournalWriter, listener: Listener
) -> None:
    """Show how the calls stand that the last run has shown."""
    for call, shown in list(calls.shown.items()):
        if shown.final or call in calls.lines:
            calls.touch(call)
            continue
        with inbox.collecting(keep=True) as outcome:
            # What it had to write belongs to a port that is gone.
            await writer.write(functools.partial(Journal.take_back, call=call))
            outbox.take_back(call)
            waits = shown.role == Role.CALLEE and shown.state in (State.RINGING, State.CONNECTING)
            if waits and shown.token:
                await _ring_again(call, shown, calls, listener)
            if call not in calls.lines and not shown.final:
                shown.text = (common.OVER if waits else common.INTERRUPTED).text
                shown.acts, shown.final = (), True
                outcome.shown.add(call)
        await inbox.done([], outcome)
        calls.touch(call)


async def unfinished(journal: Journal, writer: JournalWriter) -> list[Heard]:
    """The commands whose name was being looked up; they are kept no longer."""
    found = []
    for raw in await taken_up(journal, writer):
        with contextlib.suppress(msgspec.MsgspecError):
            entry = from_bytes(raw)
            if isinstance(entry, Heard):
                found.append(entry)
    return found


async def _ring_again(call: str, shown: Shown, calls: CallMessages, listener: Listener) -> None:
    answered = shown.state == State.CONNECTING and not shown.automatic
    act = Act.ANSWER_AUDIO if shown.media == Media.AUDIO.words else Act.ANSWER
    await listener.hear(
        IncomingMessage(shown.token, "", from_owner=False, chat=shown.chat, tell_missed=True, again=True)
    )
    if answered and call in calls.lines:
        with contextlib.suppress(CopybaraError):
            await listener.act(Action(act, call), OWNER.chat)
