"""`copybara log`: the last calls that ended, as /log shows them in the chat. No copybara needs to run."""

from __future__ import annotations

from bot.home import Home
from bot.terminal.streams import print_json, print_text
from bot.texts import call_log as texts
from shared.call.records import CallRecord
from shared.store import Store
from shared.store.files import known_errors


def log(home: Home, *, calls: int, as_json: bool) -> int:
    """Print at most `calls` calls, newest first. Raises StoreError. Doesn't make a home if there is none."""
    records = _records(home, calls + 1)
    if as_json:
        print_json([_as_dict(record) for record in records[:calls]])
    else:
        print_text(texts.calls(records, calls).text)
    return 0


def _records(home: Home, calls: int) -> list[CallRecord]:
    with known_errors(home.database):
        if not home.database.exists():
            return []
    with Store(home.database) as store:
        return store.call_log(calls)


def _as_dict(record: CallRecord) -> dict[str, object]:
    return {
        "with": record.name or None,
        "node": str(record.peer),
        "role": record.role,
        "media": record.media.words,
        "started": record.started,
        "connected": record.connected,
        "ended": record.ended,
        "seconds": None if record.connected is None else max(0, record.ended - record.connected),
        "reason": record.reason,
        "automatic": record.automatic,
        "proven": record.proven,
        "sentence": texts.ending(record).sentence,
    }
