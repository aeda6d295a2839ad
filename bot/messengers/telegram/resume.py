"""Continues after a start the calls that the last run left: those that rang ring again, connected calls go on."""

from __future__ import annotations

import functools

from bot.conversation import Listener
from bot.messengers import texts as common
from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.kept_call import ring_again
from bot.messengers.outbox import Outbox
from bot.messengers.telegram.call_messages import CallMessages
from bot.messengers.telegram.conversations import OWNER
from bot.messengers.telegram.outgoing import TelegramPost
from shared.store.journal import Journal


async def take_up_calls(
    calls: CallMessages, inbox: Inbox, outbox: Outbox[TelegramPost], writer: JournalWriter, listener: Listener
) -> None:
    """Show the states of the calls that the last run has shown."""
    for call, shown in list(calls.shown.items()):
        if shown.final or call in calls.lines:
            calls.touch(call)
            continue
        with inbox.collecting(keep=True) as outcome:
            # The call's waiting messages name a port that no longer exists.
            await writer.write(functools.partial(Journal.take_back, call=call))
            outbox.take_back(call)
            if shown.waited and shown.token:
                await ring_again(shown, call, listener, OWNER.chat, calls.lines.__contains__)
            if call not in calls.lines and not shown.final:
                shown.text = (common.OVER if shown.waited else common.INTERRUPTED).text
                shown.acts, shown.final = (), True
                outcome.shown.add(call)
        await inbox.done([], outcome)
        calls.touch(call)
