"""A home as the bytes of one archive, also while its program runs, and back.

A database is copied by SQLite itself (its backup API), so it is whole as of one moment; other files are small and
replaced as a whole whenever they change. What belongs to one run or one machine stays behind.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from shared.errors import BadBackup, StoreError
from shared.store.files import FILE_MODE, SQLITE_SIDE_FILES, known_errors

LEFT_OUT = ("recordings", "files", "sending", "copybara.pid", "control.sock", "accounts.lock")
"Recordings and files of calls are ordinary files, and others chose what is in them; the rest belongs to one run."

DAMAGED = ".damaged-"
"In the name of a database that was set aside."

DATABASES = ("copybara.db", "deltachat/accounts/*/dc.db")
"Ours, as patterns. SQLite opens no other file: what looks like a database may be anybody's."

MOST_FILES = 100_000
MOST_BYTES = 1 << 31
"Of what a backup unpacks to."

MOST_AT_ONCE = 1 << 20
"Bytes that are unpacked at once. An archive's headers are read whole, so none may be longer."


def packed(home: Path, *, but: Collection[Path] = ()) -> bytes:
    """The home's files as a compressed archive, without some folders (`but`, paths below the home).

    Raises StoreError if a file can't be read, or if it is more than can be unpacked.
    """
    archive = io.BytesIO()
    left = MOST_BYTES
    with known_errors(home), tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
        for number, path in enumerate(_files(home, but)):
            try:
                status = path.stat()
                left -= status.st_size
                if left < 0 or number > MOST_FILES:
                    raise _too_much(home)
                content = _database(path) if _is_database(path, home) else path.read_bytes()
            except FileNotFoundError:
                continue  # it has gone meanwhile
            entry = tarfile.TarInfo(path.relative_to(home).as_posix())
            entry.size, entry.mode, entry.mtime = len(content), FILE_MODE, int(status.st_mtime)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Put the files into an empty folder that is the owner's alone. Raises BadBackup, StoreError."""
    left = MOST_BYTES
    try:
        with _Unpacked(fileobj=io.BytesIO(archive)) as tape, tarfile.open(fileobj=tape, mode="r:") as tar:
            for number, entry in enumerate(tar):
                place = PurePosixPath(entry.name)
                left -= entry.size
                if not entry.isreg() or place.is_absolute() or ".." in place.parts or number > MOST_FILES or left < 0:
                    raise BadBackup("That backup holds something that no home does.")
                file = tar.extractfile(entry)
                assert file is not None
                target = folder.joinpath(*place.parts)
                with known_errors(target):
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    target.touch(FILE_MODE, exist_ok=False)
                    with target.open("wb") as copy:
                        shutil.copyfileobj(file, copy, MOST_AT_ONCE)
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError, zlib.error) as error:
        raise BadBackup("That backup can't be unpacked.") from error


class _Unpacked(gzip.GzipFile):
    """A compressed archive that refuses to read much at once."""

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes. Raises ValueError for too many."""
        if size is None or not 0 <= size <= MOST_AT_ONCE:
            raise ValueError("too much at once")
        return super().read(size)


def _too_much(home: Path) -> StoreError:
    return StoreError(
        f"{home} holds more than a backup can: {MOST_FILES} files, {MOST_BYTES >> 20} MB.",
        "Look for what is large there, and move it elsewhere.",
    )


def _files(home: Path, but: Collection[Path]) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if any(inside.is_relative_to(folder) for folder in but):
            continue
        skipped = inside.parts[0] in LEFT_OUT or path.name in LEFT_OUT or DAMAGED in path.name
        side_file = path.name.endswith(SQLITE_SIDE_FILES)
        if not skipped and not side_file and path.is_file() and not path.name.endswith(".new"):
            yield path


def _is_database(path: Path, home: Path) -> bool:
    inside = path.relative_to(home)
    return any(inside.match(pattern) and len(inside.parts) == pattern.count("/") + 1 for pattern in DATABASES)


def _database(path: Path) -> bytes:
    """A copy of a database that may be in use. Raises StoreError."""
    with tempfile.TemporaryDirectory(prefix="copybara-backup-") as folder:  # only the owner can look into it
        copy = Path(folder) / "copy.db"
        try:
            with (
                contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"The database {path} can't be copied: {error}.") from error
        return copy.read_bytes()
