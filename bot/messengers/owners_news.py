"""News that the owner gets once, without asking: notices about this start, and calls that were missed before it."""

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
"The fact that holds the notices that the owner has already read."


async def tell_notices(notices: list[str], journal: Journal, inbox: Inbox, tell: Callable[[Sentence], None]) -> None:
    """Send the notices of this start, unless the owner has already had the same ones."""
    encoded = msgspec.json.encode(notices)
    if journal.fact(NOTICES) == encoded:
        return
    with inbox.collecting(keep=True) as outcome:
        outcome.facts[NOTICES] = encoded
        tell(texts.notices(notices))
    if not inbox.is_collecting:  # otherwise it is stored with the current entry
        await inbox.done([], outcome)


async def tell_missed(journal: Journal, writer: JournalWriter, to_bytes: Callable[[Sentence], bytes]) -> bool:
    """Store one message about all missed calls. `to_bytes` encodes it. Returns whether any call was missed."""
    missed = journal.missed()
    if missed:
        message = to_bytes(texts.missed_calls([call.value.decode(errors="replace") for call in missed]))
        await writer.write(functools.partial(Journal.tell_missed, upto=missed[-1].id, message=message))
    return bool(missed)
