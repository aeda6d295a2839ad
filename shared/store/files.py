"""Files that only their owner can read, and the folder they lie in.

POSIX promises that a rename is all or nothing, so a file that must be whole is written under another name
first. Nothing in here but `replace_file` ever replaces a file that is already there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from shared.errors import StoreError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
"What SQLite keeps next to a database; a database is only whole together with them."

MOUNT_FOR_WRITING = (
    "Mount the disk for writing. If it was writable before, it may be failing: look at the system's log."
)
"What to do about a disk that is read-only."

MAKE_ROOM = "Make room on the disk."

HINTS = {errno.EROFS: MOUNT_FOR_WRITING, errno.ENOSPC: MAKE_ROOM, errno.EDQUOT: MAKE_ROOM}
"What to do about what the operating system says."

UNFINISHED = ".*.new"
"The names, as a pattern, under which files are written that must be whole."


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep every other process that asks for the same folder waiting until the block ends.

    The lock is on the folder itself (flock), so it leaves no file behind, also works where nothing may be
    written, and goes with its process. Not to be nested. Raises StoreError if there is no such folder.
    """
    with known_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with known_errors(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, each with mode 0700. Raises StoreError."""
    with known_errors(folder):
        # mkdir's own `parents` would make them as the umask says: perhaps so that others could replace the folder.
        for each in (*reversed(folder.parents), folder):
            if not each.is_dir():
                each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def refusal(folder: Path) -> int | None:
    """Why the disk of a folder takes nothing now, as an errno; None if it does, or doesn't say.

    The file that is tried has no name (O_TMPFILE in open(2)), so it is never seen.
    """
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
        try:
            os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return None if error.errno in _NO_TMPFILE else error.errno
    return None


_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR)
"""Some file systems, such as NFS, have no files without a name."""


def make_private(path: Path) -> None:
    """Take all rights away from everybody but the owner. A file that the owner may only read stays so."""
    with known_errors(path):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            path.chmod(mode & FOLDER_MODE)


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is either whole or not there, and is on the disk on return.

    Call it inside `locked_folder`. Raises StoreError, also when the file already exists.
    """
    _write(path, content, replaces=False)


def replace_file(path: Path, content: bytes) -> None:
    """The same, for a file that may be there: it has its old content or the new one, at every moment.

    What a symbolic link leads to is replaced, and the link stays. Call it inside `locked_folder`. Raises StoreError.
    """
    with known_errors(path):
        target = path.resolve()
    _write(target, content, replaces=True)


def _write(path: Path, content: bytes, *, replaces: bool) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    with known_errors(path):
        unfinished.unlink(missing_ok=True)  # left by a dead process that had our number
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            if not replaces and path.exists():
                raise FileExistsError(None, "It is already there", str(path))
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_folder(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what writes have left that were killed. Call it inside `locked_folder`. Raises StoreError."""
    with known_errors(folder):
        for unfinished in folder.glob(UNFINISHED):
            unfinished.unlink(missing_ok=True)


def set_aside(database: Path, moment: datetime) -> Path:
    """Rename a damaged database and SQLite's files next to it to `NAME.damaged-<time>`; returns the new path.

    Call it inside `locked_folder`. A name that is taken is never used again. Raises StoreError.
    """
    stem = f"{database.name}.damaged-{moment:%Y%m%dT%H%M%SZ}"
    for attempt in itertools.count(1):
        target = database.with_name(stem if attempt == 1 else f"{stem}-{attempt}")
        if not any(os.path.lexists(f"{target}{suffix}") for suffix in ("", *SQLITE_SIDE_FILES)):
            break
    with known_errors(database):
        # The database goes first: a program that then finds side files without one (see Store) moves them too.
        for suffix in ("", *SQLITE_SIDE_FILES):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{database}{suffix}", f"{target}{suffix}")
        sync_folder(database.parent)
    return target


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


ELSEWHERE = "Name another one, such as another home with --home."


@contextlib.contextmanager
def known_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a StoreError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{path} can't be used: there is a file where a folder belongs.", ELSEWHERE) from error
    except OSError as error:
        hint = HINTS.get(error.errno or 0, "")
        raise StoreError(f"{path} can't be used: {error.strerror or error}.", hint) from error
    except RuntimeError as error:  # Path.resolve, before Python 3.13
        raise StoreError(f"{path} can't be used: its symbolic links lead in a circle.") from error
    except ValueError as error:  # a NUL character in the path
        raise StoreError(f"{str(path)!r} isn't a path.") from error
