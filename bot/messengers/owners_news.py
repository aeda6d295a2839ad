"""What the owner gets once, without asking: what to know about this start, and which calls were missed before it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import msgspec

from bot.kinds import Sentence
from bot.messengers import texts
from bot.messengers.inbox import Inbox
from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import Journal

NOTICES = "notices"
"The fact that says which notices the owner has had."


async def tell_notices(notices: list[str], journal: Journal, inbox: Inbox, tell: Callable[[Sentence], None]) -> None:
    """Tell the notices of this start, unless the owner has had just these."""
    kept = msgspec.json.encode(notices)
    if journal.fact(NOTICES) == kept:
        return
    with inbox.collecting(keep=True) as outcome:
        outcome.facts[NOTICES] = kept
        tell(texts.notices(notices))
    if not inbox.is_collecting:  # else it is stored with what is acted on
        await inbox.done([], outcome)


async def tell_missed(journal: Journal, writer: JournalWriter, to_bytes: Callable[[Sentence], bytes]) -> bool:
    """Store one message about all calls that were missed, as `to_bytes` makes it; returns whether there were any."""
    missed = journal.missed()
    if missed:
        message = to_bytes(texts.missed_calls([kept.value.decode(errors="replace") for kept in missed]))
        await writer.write(functools.partial(Journal.tell_missed, upto=missed[-1].id, message=message))
    return bool(missed)
