"""Files that only their owner can read, and their folder.

A file that must be whole is written without a name (O_TMPFILE in open(2)), so a kill leaves nothing of it. A new file
then gets its name. A file that replaces another gets a temporary name first, for a rename happens completely or not at
all. Without O_TMPFILE it is written under the temporary name; the next write of it removes what a kill has left there.
Only `replace_file` replaces existing files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from shared.errors import StoreError
from shared.rights import ELSEWHERE, missing_rights

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
"The endings of SQLite's files next to a database. A database is complete only with them."

MOUNT_FOR_WRITING = (
    "Mount the disk for writing. If it was writable before, it may be failing: look at the system's log."
)
"What to do about a read-only disk."

MAKE_ROOM = "Make room on the disk."

HINTS = {errno.EROFS: MOUNT_FOR_WRITING, errno.ENOSPC: MAKE_ROOM, errno.EDQUOT: MAKE_ROOM}
"What to do, by the operating system's errno."

UNFINISHED = ".*.new"
"The pattern of temporary names for files that must be whole."


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Lock a folder during the block. Other processes that ask for the same lock wait.

    The lock is on the folder itself (flock). So it leaves no file, works where nothing may be written, and ends with
    its process. It can't be nested. Raises StoreError if there is no such folder.
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
    """Make `folder` and its missing parents, each with mode 0700. Raises StoreError."""
    with known_errors(folder):
        # mkdir's own `parents` would give them the umask's mode, so that others might be able to replace the folder.
        for each in (*reversed(folder.parents), folder):
            if not each.is_dir():
                each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def refusal(folder: Path) -> int | None:
    """The errno with which a folder's disk refuses a file now. None if it doesn't refuse, or doesn't say.

    The test file has no name (O_TMPFILE in open(2)), so nobody ever sees it.
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
"The errors of file systems without nameless files, such as NFS."


def make_private(path: Path) -> None:
    """Take all rights away from everybody but the owner. A read-only file stays read-only."""
    with known_errors(path):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            path.chmod(mode & FOLDER_MODE)


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file of mode 0600. It is either complete or missing, and on the disk on return.

    Raises StoreError, also if the file exists already.
    """
    _write(path, content, FILE_MODE, replaces=False)


def replace_file(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Write a file that may exist already. At every moment it has either its old content or the new one.

    Of a symbolic link, the target is replaced and the link stays. Raises StoreError.
    """
    with known_errors(path):
        target = path.resolve()
    _write(target, content, mode, replaces=True)


def file_without_name(folder: Path) -> int | None:
    """A descriptor of a new file of mode 0600 in a folder. `give_name` can give it a name there.

    None if the system or the disk can't do that, or if nothing can be written, which making a named one will show.
    """
    flags = getattr(os, "O_TMPFILE", None)
    if flags is None:
        return None
    try:
        descriptor = os.open(folder, os.O_WRONLY | flags | os.O_CLOEXEC, FILE_MODE)
    except OSError:
        return None
    if os.path.lexists(_opened(descriptor)):
        return descriptor
    os.close(descriptor)  # without /proc it would never get a name
    return None


def give_name(descriptor: int, path: Path) -> None:
    """Give a file of `file_without_name` its name. Raises FileExistsError if it is taken, OSError."""
    # As in open(2), O_TMPFILE. Python follows the link only if a folder is given, which isn't used then.
    os.link(_opened(descriptor), path, src_dir_fd=descriptor, follow_symlinks=True)


def _opened(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _write(path: Path, content: bytes, mode: int, *, replaces: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with known_errors(path):
        _remove_left(path)
        nameless = file_without_name(path.parent)
        try:
            with open(nameless if nameless is not None else _make(temporary), "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                if nameless is not None:
                    give_name(nameless, temporary if replaces else path)
            if nameless is None and not replaces and path.exists():
                raise FileExistsError(None, "It is already there", str(path))
            if nameless is None or replaces:
                temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def _make(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)


def _remove_left(path: Path) -> None:
    """Remove what killed writes of that file have left. Their processes have ended, or had our number."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"([0-9]{1,10})\.new")
    with os.scandir(path.parent) as entries:
        left = [(entry.path, int(found[1])) for entry in entries if (found := pattern.fullmatch(entry.name))]
    for name, process in left:
        if process == os.getpid() or not _runs(process):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return True


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of killed writes. Call it inside `locked_folder`. Raises StoreError."""
    with known_errors(folder):
        for unfinished in folder.glob(UNFINISHED):
            unfinished.unlink(missing_ok=True)


def set_aside(database: Path, moment: datetime) -> Path:
    """Rename a damaged database and SQLite's files next to it to `NAME.damaged-<time>`. Returns the new path.

    Call it inside `locked_folder`. An existing name is never reused. Raises StoreError.
    """
    stem = f"{database.name}.damaged-{moment:%Y%m%dT%H%M%SZ}"
    for attempt in itertools.count(1):
        target = database.with_name(stem if attempt == 1 else f"{stem}-{attempt}")
        if not any(os.path.lexists(f"{target}{suffix}") for suffix in ("", *SQLITE_SIDE_FILES)):
            break
    with known_errors(database):
        # The database goes first. If this is interrupted, the next start moves files without a database too (see
        # Database).
        for suffix in ("", *SQLITE_SIDE_FILES):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{database}{suffix}", f"{target}{suffix}")
        sync_folder(database.parent)
    return target


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def known_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about `path` into StoreError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{path} can't be used: there is a file where a folder belongs.", ELSEWHERE) from error
    except PermissionError as error:
        there = next((each for each in path.parents if os.path.exists(each)), path)
        why, hint = missing_rights([path, there]) or (error.strerror or str(error), "")
        raise StoreError(f"{path} can't be used: {why}.", hint) from error
    except OSError as error:
        hint = HINTS.get(error.errno or 0, "")
        raise StoreError(f"{path} can't be used: {error.strerror or error}.", hint) from error
    except RuntimeError as error:  # from Path.resolve, before Python 3.13
        raise StoreError(f"{path} can't be used: its symbolic links lead in a circle.") from error
    except ValueError as error:  # a NUL character in the path
        raise StoreError(f"{str(path)!r} isn't a path.") from error
