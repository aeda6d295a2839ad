"""The call log, as the chat and the handset page show it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import Kind, Sentence
from bot.texts import chat
from bot.texts.times import date_and_time, lasted
from shared.call.records import CallRecord
from shared.call.table import EndReason
from shared.contacts import STRANGER

SHOWN = 15
"Calls in one message: as many as always fit into it."


def calls(records: Sequence[CallRecord], most: int = SHOWN) -> Sentence:
    """The calls that ended last, newest first, a line each; with more than `most`, those and how to see others."""
    if not records:
        return Sentence(Kind.LOG, "No call has ended yet.")
    more = f"There are earlier calls: copybara log --calls {2 * most}" if len(records) > most else ""
    return Sentence(Kind.LOG, "\n".join(map(_line, records[:most])), more)


def ending(record: CallRecord) -> Sentence:
    """How a logged call ended."""
    name = record.name or f"{STRANGER} ({record.peer.short}…)"
    try:
        reason = EndReason(record.reason)
    except ValueError:  # written by another version
        return Sentence(Kind.ENDED, f"The call with {name} ended.")
    return chat.ending(reason, name, known=bool(record.name), proven=record.proven)


def _line(record: CallRecord) -> str:
    about = ["you called" if record.role == "caller" else "they called", record.media.words]
    if record.automatic:
        about.append("answered automatically")
    if record.connected is not None:
        about.append(lasted(max(0, record.ended - record.connected)))
    return f"{date_and_time(record.started)}  {ending(record).sentence} ({', '.join(about)})"
