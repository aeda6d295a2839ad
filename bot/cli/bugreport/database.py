"""The shape of the database: versions and counts, without its contents. It is only read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from urllib.parse import quote

from bot.home import Home

BUSY_SECONDS = 2.0


@contextlib.contextmanager
def read_only(home: Home) -> Iterator[sqlite3.Connection]:
    """Open the home's database for reading, whatever the file is. Raises sqlite3.Error."""
    where = f"file:{quote(str(home.database))}?mode=ro"
    with contextlib.closing(sqlite3.connect(where, uri=True, timeout=BUSY_SECONDS)) as database:
        yield database


def shape(home: Home) -> list[str]:
    """A line for the file, and one for each table."""
    try:
        if not home.database.exists():
            return ["none"]
        with read_only(home) as database:
            return list(_lines(database))
    except (sqlite3.Error, OSError) as error:
        return [f"can't be read: {type(error).__name__}"]


def _lines(database: sqlite3.Connection) -> Iterator[str]:
    pages, size, version = (_number(database, f"PRAGMA {what}") for what in ("page_count", "page_size", "user_version"))
    yield f"schema {version}, {pages * size // 1024} KiB"
    yield "no damage found" if database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok" else "DAMAGED"
    for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall():
        if not name.startswith("sqlite_"):
            counted = 'SELECT count(*) FROM "{}"'.format(name.replace('"', '""'))  # noqa: S608 - quoted
            rows = _number(database, counted)
            yield f"{name}: {rows} row{'' if rows == 1 else 's'}"


def _number(database: sqlite3.Connection, question: str) -> int:
    return int(database.execute(question).fetchone()[0])
