"""The database of all tables: opening it, transactions, setting a damaged one aside, and erasing for good.

Several processes may use it at once (`copybara run` and the command line). A transaction is on the disk when it ends
(WAL, synchronous=FULL), so a process may be killed at any moment. All times are in Unix seconds.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from shared.call.records import CallRecord, RunningCall
from shared.contacts import Contact
from shared.errors import CopybaraError, DamagedStore, InputError, StoreError
from shared.files.records import KeptFile
from shared.names.kept import KeptName
from shared.not_json import NOT_JSON
from shared.paired_device import PairedDevice
from shared.rights import missing_rights
from shared.store.files import (
    FILE_MODE,
    MAKE_ROOM,
    MOUNT_FOR_WRITING,
    SQLITE_SIDE_FILES,
    known_errors,
    locked_folder,
    make_folder,
    make_private,
    refusal,
    set_aside,
)
from shared.store.schema import migrate

logger = logging.getLogger(__name__)

_FULL = ("the disk is full", MAKE_ROOM)

_UNUSABLE: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "another process has been writing to it for too long",
        "Close what has it open, such as a backup or a database viewer, and try again.",
    ),
    sqlite3.SQLITE_READONLY: ("it can't be written to", "Let your user write to it and to its folder."),
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: ("the disk is full, or it fails", "Make room on the disk, and look at the system's log."),
}
"The faults of a database that isn't damaged, each with what to do."

_AS_THE_DISK_SAYS = {
    errno.EROFS: ("its disk is read-only", MOUNT_FOR_WRITING),
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}
"The faults of the disk by errno, each with what to do, if SQLite can't write."

_REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
"The faults that the disk or the rights of files may explain."

BUSY_SECONDS = 5.0
"How long to wait for another process's transaction. Each takes some milliseconds."

SMALLEST_PAGE = 512
"""The smallest database with any content, in bytes (SQLite, "Database File Format", 1.3.2)."""

_CHECK_ALL = "PRAGMA quick_check(1)"

_CHECK_ALL_BUT_LOGS = """SELECT checked.quick_check FROM sqlite_schema AS each, pragma_quick_check(each.name) AS checked
    WHERE each.type = 'table' AND each.name NOT IN ('call_log', 'inbox')"""
# With the logs, each start would take longer with every call and message. Damage in them shows when they are read, and
# the next start checks everything.

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_Value = TypeVar("_Value", Contact, RunningCall, CallRecord, KeptName, PairedDevice, KeptFile)


class Database:
    """The database at `path`. It is made if it doesn't exist.

    It belongs to the thread that opened it. Every method raises StoreError if the file can't be read or written.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        busy_seconds: float | None = None,
        erase_seconds: float | None = None,
        thorough: bool = False,
    ) -> None:
        """Open, check and migrate the database. The file gets mode 0600; a missing folder is made with 0700.

        `clock` gives the time in the name of a damaged database. `busy_seconds` is how long to wait for another
        connection's transaction. `erase_seconds` is how long to wait for readers that keep an erased secret on the
        disk. None: BUSY_SECONDS. With `thorough` the logs are checked too. Raises DamagedStore after a damaged database
        was set aside (the next start makes a new one), and StoreError if the file can't be used or a newer version has
        written it.
        """
        self.path = path
        self._busy_seconds = BUSY_SECONDS if busy_seconds is None else busy_seconds
        self._erase_seconds = self._busy_seconds if erase_seconds is None else erase_seconds
        self._thorough = thorough
        self._seen_damaged = path.with_name(f"{path.name}-seen-damaged")
        "This file exists once damage was found."

        self._unreadable: set[bytes] = set()
        "The SHA-256 of unreadable values that were logged already."
        self.log_to_erase = False
        "Whether the write-ahead log may still contain erased data, see erase_log()."
        self.erases_later = False
        "Whether the opener erases the log itself when nobody has to wait for that, see erase_log()."
        self._waits_for_erasing = False
        make_folder(path.parent)
        with locked_folder(path.parent):  # so that nobody sets aside or makes a database while another process opens it
            self._set_aside_if_damaged(datetime.fromtimestamp(clock(), UTC))
            self._make_file()
            with self._known_errors():
                self._database = self._connect()
                try:
                    self._database.execute("PRAGMA journal_mode = WAL").fetchall()
                    self._database.execute("PRAGMA synchronous = FULL")
                    self._database.execute("PRAGMA secure_delete = ON")  # a deleted secret must leave no trace
                    migrate(self._database)
                except BaseException:
                    self._database.close()
                    raise

    def close(self) -> None:
        """Close the file. The store can't be used any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def revision(self) -> tuple[int, int]:
        """Two numbers that change if anything was written since, here or by another process."""
        return self.rows("PRAGMA data_version")[0][0], self._database.total_changes

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: at the end of the block, all of it is on the disk or nothing.

        Inside another transaction it is a part of that, which can be rolled back alone.
        """
        with self._known_errors():
            inner = self._database.in_transaction
            self._database.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("RELEASE part" if inner else "COMMIT")
            except BaseException:
                if not inner:
                    self._database.rollback()
                elif self._database.in_transaction:  # a full disk has rolled everything back already
                    self._database.execute("ROLLBACK TO part")
                    self._database.execute("RELEASE part")
                raise
        if self.log_to_erase and not inner and (self._waits_for_erasing or not self.erases_later):
            self.try_to_erase_log()

    def erase_log(self, *, later: bool = False) -> None:
        """At the end of the transaction, remove what it erased from the disk for good.

        Deleted rows are overwritten in the database, but the write-ahead log still has the old pages. Removing them
        takes several writes to the disk. With `later` nobody waits for that if other code erases the log
        (`erases_later`).
        """
        self.log_to_erase = True
        self._waits_for_erasing = self._waits_for_erasing or not later

    def try_to_erase_log(self) -> None:
        """Write the log into the database and empty it. `log_to_erase` says whether that is still to be done.

        It is impossible while another connection reads old data. Waits `erase_seconds` for that.
        """
        with contextlib.suppress(StoreError), self._known_errors():  # the transaction before this one is complete
            self._database.execute(f"PRAGMA busy_timeout = {int(self._erase_seconds * 1000)}")
            try:
                # One row: whether something blocked it, frames in the log, frames written.
                self.log_to_erase = bool(self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
                self._waits_for_erasing = self._waits_for_erasing and self.log_to_erase
            finally:
                self._database.execute(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """The rows of a query that changes nothing."""
        with self._known_errors():
            return self._database.execute(query, parameters).fetchall()

    def decoded(self, kind: type[_Value], query: str, *parameters: object) -> _Value | None:
        """The single value of a query. None if there is none."""
        rows = self.rows(query, *parameters)
        return self.decode(rows[0][0], kind) if rows else None

    def decode(self, value: bytes, kind: type[_Value]) -> _Value:
        """Decode a value of encode(). Raises DamagedStore."""
        try:
            return msgspec.json.decode(value, type=kind)
        except (*NOT_JSON, CopybaraError, ValueError) as error:
            raise DamagedStore(
                f"An entry in the database {self.path} can't be read.",
                "Everything else in it works. A backup, or a newer version of this program, may bring the entry back.",
            ) from error

    def decode_all(self, what: str, values: list[bytes], kind: type[_Value]) -> list[_Value]:
        """The values that can be decoded. Each other one is left out and logged once, with the word `what`."""
        found = []
        for value in values:
            try:
                found.append(self.decode(value, kind))
            except DamagedStore:
                digest = hashlib.sha256(value).digest()
                if digest not in self._unreadable:
                    self._unreadable.add(digest)
                    logger.warning("%s can't be read, and is left out", what)
        return found

    # Below: SQLite.

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        mode = "ro" if read_only else "rw"
        database = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path.absolute()))}?mode={mode}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
        )
        # A damaged text is only another text. It must not prevent reading the rest of its table.
        database.text_factory = _text
        return database

    def _make_file(self) -> None:
        # Open the file only if it is new: closing any descriptor of a database releases the locks (fcntl) of this
        # process's other connections.
        with known_errors(self.path):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
            make_private(self.path)

    def _set_aside_if_damaged(self, moment: datetime) -> None:
        with known_errors(self.path):
            size = _size(self.path)
            # A log without a database is left over if setting aside was interrupted. SQLite would delete it.
            left_over = not size and _size(Path(f"{self.path}-wal"))
        damaged = left_over or (size > 0 and self._is_damaged(size))
        aside = set_aside(self.path, moment) if damaged else None
        with contextlib.suppress(OSError):
            self._seen_damaged.unlink(missing_ok=True)
        if aside is None:
            return
        raise DamagedStore(
            f"The database {self.path} is damaged. It was set aside as {aside.name}; nothing was overwritten.",
        )

    def _is_damaged(self, size: int) -> bool:
        if size < SMALLEST_PAGE:
            return True  # SQLite would take it for an empty database and write over it
        # A connection that can't write also leaves the write-ahead log unchanged when it is closed.
        try:
            with contextlib.closing(self._connect(read_only=True)) as database:
                everywhere = self._thorough or self._seen_damaged.exists()
                found = database.execute(_CHECK_ALL if everywhere else _CHECK_ALL_BUT_LOGS).fetchall()
        except sqlite3.DatabaseError as error:
            return _code(error) in _DAMAGE
        return any(each != ("ok",) for each in found)

    @contextlib.contextmanager
    def _known_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise InputError("That text has characters that can't be kept.") from error
        except sqlite3.ProgrammingError:
            raise  # a bug in this program, not a fault of the file
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code in _DAMAGE:
                with contextlib.suppress(OSError):
                    self._seen_damaged.touch(FILE_MODE)
                raise self._damaged() from error
            reason, hint = _UNUSABLE.get(code, (str(error), ""))
            if code in _REFUSED:
                own = [*(Path(f"{self.path}{ending}") for ending in ("", *SQLITE_SIDE_FILES)), self.path.parent]
                of_disk = _AS_THE_DISK_SAYS.get(refusal(self.path.parent) or 0)
                reason, hint = of_disk or missing_rights(own) or (reason, hint)
            raise _unusable(self.path, reason, hint) from error

    def _damaged(self) -> DamagedStore:
        return DamagedStore(
            f"The database {self.path} is damaged.",
            "Stop the program and start it again. It will set the file aside, or keep a copy of it now.",
        )


def in_use(path: Path) -> StoreError:
    """The error that another process is using the database, so a write couldn't begin."""
    return _unusable(path, *_UNUSABLE[sqlite3.SQLITE_BUSY])


def slow_disk(path: Path) -> StoreError:
    """The error that a write couldn't begin though no other process is using the database."""
    return _unusable(
        path, "the disk takes too long", "Look whether it is full, fails, or is a network drive that has gone."
    )


def _unusable(path: Path, reason: str, hint: str) -> StoreError:
    return StoreError(f"The database {path} can't be used: {reason}.", hint)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def encode(value: Contact | RunningCall | CallRecord | KeptName | PairedDevice | KeptFile) -> bytes:
    """Encode a value as JSON, so that a later version can add fields."""
    return msgspec.json.encode(value)


def _code(error: sqlite3.Error) -> int:
    # The low byte is the primary result code (SQLite, "Result and Error Codes").
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
