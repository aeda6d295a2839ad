"""Deletes old data while a program runs."""

from __future__ import annotations

from shared.links.kinds import LONGEST_LIFETIME, MAX_CLOCK_AHEAD
from shared.store.journal import KEPT_SECONDS, MISSED_KEPT
from shared.store.store import Store

UPKEEP_SECONDS = 3600.0
"How often a running program does this."


def tidy(store: Store, now: int) -> None:
    """Delete old used links, done entries, missed calls, waiting files and strangers' secrets.

    A used link is kept for the longest lifetime that can be configured, so that a longer lifetime never makes a used
    link valid again. `now` is in Unix seconds, and must be a time that has passed. Raises StoreError.
    """
    with store.transaction() as database:
        store.forget_links(now - LONGEST_LIFETIME - MAX_CLOCK_AHEAD)
        store.forget_old_files(now)
        store.forget_strangers_secrets()
        database.execute("DELETE FROM inbox WHERE entry IS NULL AND stored < ?", (now - KEPT_SECONDS,))
        database.execute(
            "DELETE FROM missed_calls WHERE id NOT IN (SELECT id FROM missed_calls ORDER BY id DESC LIMIT ?)",
            (MISSED_KEPT,),
        )
        store.erase_log()  # also what another process erased while somebody was reading
