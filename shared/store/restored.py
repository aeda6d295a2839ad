"""What a home must forget, and doubt, after it was restored from a backup.

Since the backup, contacts may have got newer keys, links were used, calls ended and messages left. So every pair secret
is doubted until it opens a link of the contact. Older links are refused, and nothing that waited is done now. The owner
may have trusted somebody less since, or blocked or removed them. So the owner is asked about everything. They may also
have given a bot another owner, because somebody took over their account there. So each bot has to be claimed again.
"""

from __future__ import annotations

import struct

from shared.call.records import CallRecord
from shared.call.table import EndReason
from shared.store.journal import ASIDE_IN, CHOICES, CODE, CONNECTION, OWNER, UNFINISHED
from shared.store.store import Store

OWN_ACCOUNT = "1 "
"""How the fact of the owner begins where the bot is a device of the owner's own account, in Delta Chat. That account's
key says who commands, now as then, and nobody can claim such a bot."""

_LINKS_FROM = "links.from"
_TIME = struct.Struct(">Q")

OTHER_DEVICES = ("matrix",)
"Messengers whose keys change with each message. Old keys must not be used again, so these messengers log in again."


def restored(store: Store, now: int) -> None:
    """Prepare the store of a backup for use at `now`, in Unix seconds, in one transaction. Raises StoreError."""
    with store.transaction() as database:
        for call in store.running_calls():
            store.end_call(
                CallRecord(
                    reference=call.reference,
                    peer=call.peer,
                    role=call.role,
                    media=call.media,
                    started=call.created or call.started,
                    connected=call.started or None,
                    ended=call.alive or call.created or now,
                    reason=str(EndReason.STOPPED),
                    automatic=call.automatic,
                    proven=call.proven,
                    name=call.name,
                )
            )
        store.doubt_secrets()
        for contact in store.contacts():
            store.save_contact(contact.with_nothing_allowed())
        store.forget_devices()  # one may have been removed since
        # A link of this same second may have been used.
        store.set_home_fact(_LINKS_FROM, _TIME.pack(now + 1))
        database.execute("UPDATE inbox SET entry = NULL")
        for table in ("outbox", "shown_calls", "missed_calls", "transfers"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 -- names from the line above
        for beginning in (ASIDE_IN, UNFINISHED, CONNECTION):
            database.execute("DELETE FROM messenger_facts WHERE substr(name, 1, ?) = ?", (len(beginning), beginning))
        database.execute(
            "DELETE FROM messenger_facts WHERE name IN (?, ?) AND substr(CAST(value AS TEXT), 1, ?) != ?",
            (OWNER, CODE, len(OWN_ACCOUNT), OWN_ACCOUNT),
        )
        database.execute("DELETE FROM messenger_facts WHERE name = ?", (CHOICES,))  # numbers mean something else by now
        for messenger in OTHER_DEVICES:
            database.execute("DELETE FROM messenger_facts WHERE messenger = ?", (messenger,))
        store.erase_log()


def not_ahead(store: Store, now: int) -> None:
    """Correct the time of the restore at the program's start. `now` is in Unix seconds.

    If the clock was ahead then, no link would be read until that time. Raises StoreError.
    """
    if links_from(store) > now + 1:
        store.set_home_fact(_LINKS_FROM, _TIME.pack(now + 1))


def links_from(store: Store) -> int:
    """The first Unix second after the restore. Older links may have been used before. 0: never restored."""
    value = store.home_fact(_LINKS_FROM)
    return int(_TIME.unpack(value)[0]) if value is not None and len(value) == _TIME.size else 0
