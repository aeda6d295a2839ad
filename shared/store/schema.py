"""The tables of the database, as steps from an empty file to the present version.

Rule: a released step is never changed; a change is a new step at the end. The database's `user_version` is the number
of steps done. Values with many fields are one JSON value, next to the columns that are searched. So a new field with a
default needs no step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from shared.errors import StoreError

APPLICATION_ID = 0x436F7079
"""`Copy` in ASCII. It marks this program's databases (SQLite, "Database File Format", 1.3.17)."""

Step = tuple[str, ...]
"SQL statements that run together or not at all."

STEPS: tuple[Step, ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE contacts (
            name_key BLOB PRIMARY KEY NOT NULL,
            node BLOB NOT NULL UNIQUE CHECK (length(node) = 32),
            value BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE pair_secrets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            node BLOB NOT NULL CHECK (length(node) = 32),
            secret BLOB NOT NULL CHECK (length(secret) = 32),
            committed INTEGER NOT NULL DEFAULT 0 CHECK (committed IN (0, 1)),
            proposed_at INTEGER NOT NULL,
            UNIQUE (node, secret)
        ) STRICT""",
        """CREATE TABLE links (
            digest BLOB PRIMARY KEY NOT NULL CHECK (length(digest) = 32),
            ours INTEGER NOT NULL CHECK (ours IN (0, 1)),
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX links_by_expiry ON links (expires)",
        """CREATE TABLE running_calls (
            reference BLOB PRIMARY KEY NOT NULL CHECK (length(reference) = 8),
            value BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE call_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            value BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE names (
            name_key BLOB PRIMARY KEY NOT NULL,
            value BLOB NOT NULL
        ) STRICT""",
    ),
    (
        # What messengers receive and send, see journal.py.
        """CREATE TABLE inbox (
            messenger TEXT NOT NULL,
            id INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            entry BLOB,
            PRIMARY KEY (messenger, id)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            messenger TEXT NOT NULL,
            call TEXT,
            value BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE shown_calls (
            messenger TEXT NOT NULL,
            call TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (messenger, call)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE missed_calls (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            messenger TEXT NOT NULL,
            value BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE messenger_facts (
            messenger TEXT NOT NULL,
            name TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (messenger, name)
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE home_facts (
            name TEXT PRIMARY KEY NOT NULL,
            value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Agreed in a call that proved nothing, though the contact had proved to have another secret. See secrets.py.
        "ALTER TABLE pair_secrets ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1))",
    ),
    (
        # The owner has compared the words, perhaps before the other side confirmed. See secrets.py.
        "ALTER TABLE pair_secrets ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1))",
    ),
    (
        # The home was restored from a backup, and the contact may have a newer secret. See secrets.py.
        "ALTER TABLE pair_secrets ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1))",
    ),
    (
        # The owner's other devices, see devices.py.
        """CREATE TABLE paired_devices (
            name_key BLOB PRIMARY KEY NOT NULL,
            address TEXT NOT NULL UNIQUE,
            value BLOB NOT NULL
        ) STRICT""",
    ),
    (
        # Files that aren't complete, see transfers.py.
        """CREATE TABLE transfers (
            node BLOB NOT NULL CHECK (length(node) = 32),
            ours INTEGER NOT NULL CHECK (ours IN (0, 1)),
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            at INTEGER NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (node, ours, digest)
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # The chain of a secret: the id of its first secret. See secrets.py.
        "ALTER TABLE pair_secrets ADD COLUMN chain INTEGER NOT NULL DEFAULT 0",
        "UPDATE pair_secrets SET chain = id",
    ),
    (
        # Calls whose words the owner has compared, see compared.py.
        """CREATE TABLE compared_calls (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            reference BLOB NOT NULL UNIQUE CHECK (length(reference) = 8),
            node BLOB NOT NULL CHECK (length(node) = 32),
            chain INTEGER NOT NULL
        ) STRICT""",
    ),
)


def migrate(database: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> int:
    """Do the steps that a database lacks, each in one transaction. Returns the version it had before.

    The connection must be in autocommit mode. Raises StoreError for a database of a newer version or another program,
    and leaves it unchanged. Raises sqlite3.Error if a step fails, and leaves the version before that step.
    """
    found = version(database)
    if found > len(steps):
        raise StoreError(
            f"The database was written by a newer version of this program: it has schema {found}, "
            f"this version knows {len(steps)}.",
            "Update this program. The database was left as it is.",
        )
    application = database.execute("PRAGMA application_id").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application not in (0, APPLICATION_ID) or (tables and application != APPLICATION_ID):
        raise StoreError(
            "The file in the database's place is another program's database.",
            "Move it away, or use another home with --home. It was left as it is.",
        )
    for number, step in enumerate(steps[found:], start=found + 1):
        database.execute("BEGIN IMMEDIATE")
        try:
            for statement in step:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")
            database.execute("COMMIT")
        except BaseException:
            database.rollback()
            raise
    return found


def version(database: sqlite3.Connection) -> int:
    """How many steps have been done with a database; 0 for an empty one."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])
