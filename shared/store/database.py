"""Everything that outlives the process, in one SQLite file: contacts, pair secrets, used links, calls, names.

Several processes may use it at the same time (`copybara run` and the command line). Every method is one short
transaction that is on the disk when the method returns (WAL, synchronous=FULL), so a process may be killed at
any moment. All times are Unix seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import msgspec

from shared.call.records import CallRecord, RunningCall
from shared.contacts import Contact, check_name
from shared.errors import CopybaraError, DamagedStore, InputError, LocalProtocolError, NameNotFound, StoreError
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store.files import (
    FILE_MODE,
    known_errors,
    locked_folder,
    make_folder,
    make_private,
    set_aside,
)
from shared.store.schema import migrate

SECRET_BYTES = 32

SECRETS_KEPT = 32
"Per node: a side whose confirmations got lost may still use a secret that we proposed this many calls ago."

CALLS_LOGGED = 1000
"Older ones are dropped from the call log."

BUSY_SECONDS = 5.0
"How long to wait for another process's transaction; each takes some milliseconds."

SMALLEST_PAGE = 512
'Bytes; no database that has anything in it is shorter (SQLite, "Database File Format", 1.3.2).'

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_Value = TypeVar("_Value", Contact, RunningCall, CallRecord, KeptName)


class Store:
    """The database at `path`, made if there is none.

    Belongs to the thread that opened it. Every method raises StoreError when the file can't be read or written.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open, check and migrate the database. The file gets mode 0600; a missing folder is made with 0700.

        `clock` gives the time that a damaged database is named after. Raises DamagedStore once such a database
        has been set aside (the next start makes a new one), StoreError when the file can't be used or was
        written by a newer version.
        """
        self.path = path
        make_folder(path.parent)
        with locked_folder(path.parent):  # nobody sets aside, or makes, a database that another is opening
            self._set_aside_if_damaged(datetime.fromtimestamp(clock(), UTC))
            self._make_file()
            with self._known_errors():
                self._database = self._connect()
                try:
                    self._database.execute("PRAGMA journal_mode = WAL").fetchall()
                    self._database.execute("PRAGMA synchronous = FULL")
                    self._database.execute("PRAGMA secure_delete = ON")  # a dropped secret leaves no trace
                    migrate(self._database)
                except BaseException:
                    self._database.close()
                    raise

    def close(self) -> None:
        """Let go of the file; the store can't be used any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def revision(self) -> tuple[int, int]:
        """Two numbers that differ from the last ones if anything was written since, here or by another process."""
        return self._rows("PRAGMA data_version")[0][0], self._database.total_changes

    # Contacts. A name is unique whatever its case, and so is a node: a contact is found by either.

    def contacts(self) -> list[Contact]:
        """All contacts by name."""
        return [self._decode(row[0], Contact) for row in self._rows("SELECT value FROM contacts ORDER BY name_key")]

    def contact_named(self, name: str) -> Contact | None:
        """The contact of that name, in upper or lower case."""
        return self._decoded(Contact, "SELECT value FROM contacts WHERE name_key = ?", name_key(name))

    def contact_of(self, node: NodeId) -> Contact | None:
        """The contact whose node that is."""
        return self._decoded(Contact, "SELECT value FROM contacts WHERE node = ?", node.key)

    def save_contact(self, contact: Contact) -> None:
        """Add a contact, or replace the one of that name. Raises InputError if the node is another contact's."""
        with self.transaction() as database:
            self._refuse_second_name(contact)
            database.execute(
                "INSERT INTO contacts (name_key, node, value) VALUES (?, ?, ?) "
                "ON CONFLICT (name_key) DO UPDATE SET node = excluded.node, value = excluded.value",
                (name_key(contact.name), contact.node.key, _encode(contact)),
            )

    def rename_contact(self, old: str, new: str) -> Contact:
        """Give a contact another name and return it. Raises NameNotFound, or InputError if `new` can't be used."""
        new = check_name(new)
        with self.transaction() as database:
            contact = msgspec.structs.replace(self._contact_or_raise(old), name=new)
            holder = self.contact_named(new)
            if holder is not None and holder.node != contact.node:
                raise InputError(
                    f"There is already a contact called {holder.name}.",
                    "Choose another name, or remove that one first.",
                )
            database.execute(
                "UPDATE contacts SET name_key = ?, value = ? WHERE node = ?",
                (name_key(new), _encode(contact), contact.node.key),
            )
        return contact

    def remove_contact(self, name: str) -> Contact:
        """Forget a contact and the pair secrets of its node, and return it. Raises NameNotFound."""
        with self.transaction() as database:
            contact = self._contact_or_raise(name)
            database.execute("DELETE FROM contacts WHERE node = ?", (contact.node.key,))
            database.execute("DELETE FROM pair_secrets WHERE node = ?", (contact.node.key,))
        self._erase_log()
        return contact

    # Pair secrets. A proposed one can be read with, a committed one can also be written with. Those that were
    # agreed with a node before it became a contact wait here until it is one.

    def propose_secret(self, node: NodeId, secret: bytes, now: int) -> None:
        """Keep a secret (32 bytes) that the other side may use from now on. Twice is the same as once."""
        if len(secret) != SECRET_BYTES:
            raise LocalProtocolError(f"A pair secret has {SECRET_BYTES} bytes.")
        with self.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO pair_secrets (node, secret, proposed_at) VALUES (?, ?, ?)",
                (node.key, secret, now),
            )
            database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND id NOT IN "
                "(SELECT id FROM pair_secrets WHERE node = :node ORDER BY id DESC LIMIT :kept) AND id IS NOT "
                "(SELECT max(id) FROM pair_secrets WHERE node = :node AND committed)",
                {"node": node.key, "kept": SECRETS_KEPT},
            )

    def commit_secret(self, node: NodeId, secret: bytes) -> bool:
        """From now on write with this secret; False if it isn't kept any more (the contact was removed)."""
        with self.transaction() as database:
            changed = database.execute(
                "UPDATE pair_secrets SET committed = 1 WHERE node = ? AND secret = ?", (node.key, secret)
            )
            return changed.rowcount == 1

    def secret_used(self, node: NodeId, secret: bytes) -> None:
        """The other side wrote with this secret, so it has it: commit it and erase all that are older."""
        with self.transaction() as database:
            database.execute("UPDATE pair_secrets SET committed = 1 WHERE node = ? AND secret = ?", (node.key, secret))
            erased = database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND id < "
                "(SELECT id FROM pair_secrets WHERE node = :node AND secret = :secret)",
                {"node": node.key, "secret": secret},
            ).rowcount
        if erased:
            self._erase_log()

    def readable_secrets(self) -> list[tuple[NodeId, bytes]]:
        """All secrets that a link may be sealed with, newest first."""
        return [
            (NodeId(node), secret)
            for node, secret in self._rows("SELECT node, secret FROM pair_secrets ORDER BY id DESC")
        ]

    def writable_secret(self, node: NodeId) -> bytes | None:
        """The newest committed secret (32 bytes) of a node: what to seal a link to it with."""
        rows = self._rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND committed ORDER BY id DESC LIMIT 1", node.key
        )
        return bytes(rows[0][0]) if rows else None

    # Links that were acted on. Only their SHA-256 is kept.

    def use_link(self, raw: bytes, *, ours: bool, expires: int) -> bool:
        """Mark a link (its bytes, not its text) as used; False if it already was, here or in another process."""
        with self.transaction() as database:
            added = database.execute(
                "INSERT OR IGNORE INTO links (digest, ours, expires) VALUES (?, ?, ?)",
                (hashlib.sha256(raw).digest(), ours, expires),
            )
            return added.rowcount == 1

    def link_seen(self, raw: bytes) -> Literal["ours", "used"] | None:
        """`ours` if we wrote the link, `used` if we acted on somebody else's, None if it is new to us."""
        rows = self._rows("SELECT ours FROM links WHERE digest = ?", hashlib.sha256(raw).digest())
        if not rows:
            return None
        return "ours" if rows[0][0] else "used"

    def forget_links(self, before: int) -> int:
        """Drop the links that expired before that time and return how many; they are refused for their age now."""
        with self.transaction() as database:
            return database.execute("DELETE FROM links WHERE expires < ?", (before,)).rowcount

    # Calls.

    def save_call(self, call: RunningCall) -> None:
        """Keep a running call, or what has changed in it."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO running_calls (reference, value) VALUES (?, ?)",
                (call.reference, _encode(call)),
            )

    def running_calls(self) -> list[RunningCall]:
        """The calls that were up, oldest first."""
        calls = [self._decode(row[0], RunningCall) for row in self._rows("SELECT value FROM running_calls")]
        return sorted(calls, key=lambda call: (call.started, call.reference))

    def end_call(self, record: CallRecord) -> None:
        """Add a call that has ended to the log. If it was running, forget it and erase its secret, in the same moment.

        So a call is either up or in the log, whenever the program is killed.
        """
        with self.transaction() as database:
            database.execute("INSERT INTO call_log (value) VALUES (?)", (_encode(record),))
            database.execute("DELETE FROM call_log WHERE id <= (SELECT max(id) FROM call_log) - ?", (CALLS_LOGGED,))
            erased = database.execute("DELETE FROM running_calls WHERE reference = ?", (record.reference,)).rowcount
        if erased:
            self._erase_log()

    def call_log(self, limit: int) -> list[CallRecord]:
        """The calls that were logged last, newest first, at most `limit`."""
        rows = self._rows("SELECT value FROM call_log ORDER BY id DESC LIMIT ?", max(0, limit))
        return [self._decode(row[0], CallRecord) for row in rows]

    # Names that were looked up.

    def keep_name(self, kept: KeptName) -> None:
        """Keep what is known of a name, in place of what was before."""
        with self.transaction() as database:
            self._keep_name(database, kept)

    def kept_name(self, name: str) -> KeptName | None:
        """What is known of a name, in upper or lower case."""
        return self._decoded(KeptName, "SELECT value FROM names WHERE name_key = ?", name_key(name))

    def kept_names(self) -> list[KeptName]:
        """All names that were looked up."""
        return [self._decode(row[0], KeptName) for row in self._rows("SELECT value FROM names ORDER BY name_key")]

    def follow_name(self, kept: KeptName, contact: Contact | None) -> None:
        """Keep a name's new node and move the contact that goes by it there, both or neither.

        The pair secrets of the contact's old node are erased. Raises InputError if the node is another contact's.
        """
        with self.transaction() as database:
            self._keep_name(database, kept)
            if contact is not None:
                self._refuse_second_name(contact)
                key = name_key(contact.name)
                database.execute(
                    "DELETE FROM pair_secrets WHERE node = (SELECT node FROM contacts WHERE name_key = ?)", (key,)
                )
                database.execute(
                    "UPDATE contacts SET node = ?, value = ? WHERE name_key = ?",
                    (contact.node.key, _encode(contact), key),
                )
        self._erase_log()

    def _keep_name(self, database: sqlite3.Connection, kept: KeptName) -> None:
        database.execute(
            "INSERT OR REPLACE INTO names (name_key, value) VALUES (?, ?)",
            (name_key(kept.answer.name), _encode(kept)),
        )

    # Below: SQLite.

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        mode = "ro" if read_only else "rw"
        return sqlite3.connect(
            f"file:{quote(os.fsencode(self.path.absolute()))}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
        )

    def _make_file(self) -> None:
        # Opened here only when it is new: closing any descriptor of a database drops the locks (fcntl) that
        # another connection of this process holds on it.
        with known_errors(self.path):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
            make_private(self.path)

    def _set_aside_if_damaged(self, moment: datetime) -> None:
        with known_errors(self.path):
            size = _size(self.path)
            # A log without a database is what an interrupted setting aside has left: SQLite would delete it.
            left_over = not size and _size(Path(f"{self.path}-wal"))
        if not left_over and (not size or not self._is_damaged(size)):
            return
        aside = set_aside(self.path, moment)
        raise DamagedStore(
            f"The database {self.path} is damaged. It was set aside as {aside.name}; nothing was overwritten.",
        )

    def _is_damaged(self, size: int) -> bool:
        if size < SMALLEST_PAGE:
            return True  # SQLite would take it for an empty database and write over it
        # A connection that can't write also leaves the write-ahead log alone when it is closed.
        try:
            with contextlib.closing(self._connect(read_only=True)) as database:
                found: str = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            return found != "ok"
        except sqlite3.DatabaseError as error:
            return _code(error) in _DAMAGE

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: what the block does is on the disk at its end as a whole, or not at all."""
        with self._known_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                self._database.rollback()
                raise

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """The answer to a query that changes nothing."""
        return self._rows(query, *parameters)

    def _rows(self, query: str, *parameters: object) -> list[Any]:
        with self._known_errors():
            return self._database.execute(query, parameters).fetchall()

    def _decoded(self, kind: type[_Value], query: str, *parameters: object) -> _Value | None:
        rows = self._rows(query, *parameters)
        return self._decode(rows[0][0], kind) if rows else None

    def _decode(self, value: bytes, kind: type[_Value]) -> _Value:
        try:
            return msgspec.json.decode(value, type=kind)
        except (msgspec.MsgspecError, CopybaraError, ValueError) as error:
            raise self._damaged() from error

    def _contact_or_raise(self, name: str) -> Contact:
        contact = self.contact_named(name)
        if contact is None:
            raise NameNotFound(f"There is no contact called {name}.", "See the contacts with: copybara contacts list")
        return contact

    def _refuse_second_name(self, contact: Contact) -> None:
        holder = self.contact_of(contact.node)
        if holder is not None and name_key(holder.name) != name_key(contact.name):
            raise InputError(
                f"That node is already in the contacts, as {holder.name}.",
                f"Rename it with: copybara contacts rename {holder.name} {contact.name}",
            )

    def _erase_log(self) -> None:
        # Deleted rows are overwritten in the database, but the log next to it still has the pages from before.
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def _known_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise InputError("That text has characters that can't be kept.") from error
        except sqlite3.ProgrammingError:
            raise  # a fault in this program, never the file's
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code in _DAMAGE:
                raise self._damaged() from error
            reason = {
                sqlite3.SQLITE_BUSY: "another process has been writing to it for too long",
                sqlite3.SQLITE_READONLY: "it can't be written to",
                sqlite3.SQLITE_FULL: "the disk is full",
            }.get(code, str(error))
            raise StoreError(f"The database {self.path} can't be used: {reason}.") from error

    def _damaged(self) -> DamagedStore:
        return DamagedStore(
            f"The database {self.path} is damaged.",
            "Stop the program and start it again. It will set the file aside, or keep a copy of it now.",
        )


def name_key(name: str) -> bytes:
    """What two spellings of the same name have in common: case and compatible forms (Unicode NFKC) don't count."""
    return unicodedata.normalize("NFKC", name).casefold().encode("utf-8", "surrogatepass")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _encode(value: Contact | RunningCall | CallRecord | KeptName) -> bytes:
    return msgspec.json.encode(value)


def _code(error: sqlite3.Error) -> int:
    # The low byte is the primary result code (SQLite, "Result and Error Codes").
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
