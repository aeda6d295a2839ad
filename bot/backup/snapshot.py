"""A home as the bytes of one archive, also while its program runs, and back.

A database is copied by SQLite itself (its backup API), so it is whole as of one moment; other files are small and
replaced as a whole whenever they change. What belongs to one run or one machine stays behind.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote

from shared.errors import BadBackup, StoreError
from shared.store.files import FILE_MODE, SQLITE_SIDE_FILES, known_errors

LEFT_OUT = ("recordings", "files", "sending", "copybara.pid", "control.sock", "accounts.lock", "for-root.sh")
"""Recordings and files of calls are ordinary files, and others chose what is in them; the rest belongs to one run, or
to one computer. A backup that has them all the same brings none of them: root is asked to run `for-root.sh`."""

DAMAGED = ".damaged-"
"In the name of a database that was set aside."

DATABASES = ("copybara.db", "deltachat/accounts/*/dc.db")
"Ours, as patterns. SQLite opens no other file: what looks like a database may be anybody's."

MOST_FILES = 100_000
"In a backup, with their folders."

MOST_BYTES = 1 << 31
"Of what a backup unpacks to."

DEEPEST = 32
"Parts of a file's path in a home."

LONGEST_PATH = 1024
"Its bytes, in UTF-8."

HEADERS_BYTES = 3072
"""Of the archive for each file, beside its content: up to 511 that fill up the content before, 512 for an extended
header and 1536 for what is in it (the path and the time where the plain header has no place for them), 512 for the
plain one."""

MOST_AT_ONCE = 1 << 20
"Bytes that are unpacked at once."

_FOREIGN = "That backup holds something that no home does."


def packed(home: Path, *, but: Collection[Path] = ()) -> bytes:
    """The home's files as a compressed archive, without some folders (`but`, paths below the home).

    Raises StoreError if a file can't be read, or if it is more than can be unpacked.
    """
    archive = io.BytesIO()
    left, paths = MOST_BYTES, set[Path]()
    with known_errors(home), tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
        for path in _files(home, but):
            inside = path.relative_to(home)
            paths.update((inside, *inside.parents))
            if len(inside.parts) > DEEPEST or len(os.fsencode(inside)) > LONGEST_PATH:
                raise StoreError(f"The path of {path} is too long for a backup.", "Move it elsewhere.")
            try:
                status = path.stat()
                left -= status.st_size
                if left < 0 or len(paths) > MOST_FILES:
                    raise _too_much(home)
                content = _database(path) if _is_database(path, home) else path.read_bytes()
            except FileNotFoundError:
                continue  # it has gone meanwhile
            entry = tarfile.TarInfo(inside.as_posix())
            entry.size, entry.mode, entry.mtime = len(content), FILE_MODE, int(status.st_mtime)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def unpack(archive: bytes, folder: Path, *, most_files: int = MOST_FILES) -> None:
    """Put the files into an empty folder that is the owner's alone. `most_files`: folders count as well.

    Raises BadBackup, StoreError.
    """
    paths, left = 0, MOST_BYTES
    try:
        with _Tape(fileobj=io.BytesIO(archive)) as tape, tarfile.open(fileobj=tape, mode="r:") as tar:
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep all that it has read
                place = PurePosixPath(entry.name)
                left -= entry.size
                if not entry.isreg() or entry.sparse or tar.pax_headers or min(entry.size, left) < 0:
                    raise BadBackup(_FOREIGN)
                if place.is_absolute() or ".." in place.parts or len(place.parts) > DEEPEST:
                    raise BadBackup(_FOREIGN)
                stays_behind = _stays_behind(place)
                target = Path(os.devnull) if stays_behind else folder.joinpath(*place.parts)
                paths += 1 if stays_behind else 1 + _make_folders(target.parent)
                if paths > most_files:
                    raise BadBackup(_FOREIGN)
                file = tar.extractfile(entry)
                assert file is not None
                tape.allowed = entry.size
                with known_errors(target):
                    if not stays_behind:
                        target.touch(FILE_MODE, exist_ok=False)
                    with target.open("wb") as copy:
                        shutil.copyfileobj(file, copy, MOST_AT_ONCE)
                tape.allowed = HEADERS_BYTES
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError, zlib.error) as error:
        raise BadBackup("That backup can't be unpacked.") from error


class _Tape(gzip.GzipFile):
    """A compressed archive that is read forwards, and no further than is `allowed`: at first one entry's headers.

    So no header, no chain of headers and no map of a sparse file has a size that its writer chose.
    """

    allowed = HEADERS_BYTES
    "Bytes that may still be read."

    place = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes. Raises ValueError for more than are allowed."""
        if size is None or not 0 <= size <= self.allowed:
            raise ValueError("too much at once")
        data = super().read(size)
        self.allowed -= size
        self.place += len(data)
        return data

    def tell(self) -> int:
        """Where it is."""
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on to a place, by reading. Raises ValueError for one that is behind, and as `read` does."""
        self.read(offset - self.place if whence == io.SEEK_SET else -1)
        return self.place


def _make_folders(folder: Path) -> int:
    """Make it with all above it, each for the owner alone, and say how many weren't there. Raises StoreError."""
    with known_errors(folder):
        missing = list(itertools.takewhile(lambda each: not each.is_dir(), (folder, *folder.parents)))
        for each in reversed(missing):
            each.mkdir(0o700)
    return len(missing)


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
        if not _stays_behind(inside) and path.is_file():
            yield path


def _stays_behind(inside: PurePath) -> bool:
    """Whether a file, by its path in the home, is in no backup."""
    left_out = any(name in LEFT_OUT for name in (*inside.parts[:1], inside.name))
    return left_out or DAMAGED in inside.name or inside.name.endswith((*SQLITE_SIDE_FILES, ".new"))


def _is_database(path: Path, home: Path) -> bool:
    inside = path.relative_to(home)
    return any(inside.match(pattern) and len(inside.parts) == pattern.count("/") + 1 for pattern in DATABASES)


def _database(path: Path) -> bytes:
    """A copy of a database that may be in use, in memory: on no disk is there ever another one. Raises StoreError."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(":memory:")) as copy,
        ):
            source.backup(copy)
            return copy.serialize()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"The database {path} can't be copied: {error}.") from error
