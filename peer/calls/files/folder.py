"""The folder for files that others send. Everything in here blocks: it is called in threads.

What isn't whole yet is in `.parts` below it, and gets its name by a hard link, which never replaces anything and never
follows a symbolic link. It stays in `.parts` too until it is kept that it has arrived: whenever the program is killed,
the next one finds out. All files are 0600, and nothing here opens or runs one.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from peer.calls.files.room import DiskRoom, Promise
from shared.errors import FileRefused, StoreError
from shared.files.names import numbered
from shared.store.files import FILE_MODE, FOLDER_MODE, make_folder
from shared.store.replaceable import replaceable

PARTS = ".parts"
MAX_SAME_NAME = 1_000

MOST_FILES = 10_000
"What one folder holds: a disk has room for only so many, whatever their size, and they are counted for each new one."


class FilesFolder:
    """One folder, which is made when it is needed first."""

    def __init__(self, path: Path, room: DiskRoom) -> None:
        self.path = path
        self.room = room

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[int, int]]:
        """Descriptors of the folder and of `.parts` in it, for the length of the block.

        Raises FileRefused if others could put something in the way, StoreError if it can't be made.
        """
        make_folder(self.path)
        with _known(self.path):
            if (found := replaceable(self.path)) is not None:
                raise FileRefused(
                    f"{found.who} could put another folder in the place of {self.path}: {found.folder} allows it. "
                    "So no file of a call is put there.",
                    "Name another `folder` under [files] of copybara.toml.",
                )
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _check_own(folder, self.path)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(PARTS, FOLDER_MODE, dir_fd=folder)
                parts = os.open(PARTS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    _check_own(parts, self.path / PARTS)
                    yield folder, parts
                finally:
                    os.close(parts)
            finally:
                os.close(folder)

    def promise(self, descriptor: int, size: int, written: int) -> Promise:
        """Room for a part that will have `size` bytes and has `written`. Raises FileRefused if there is none."""
        with self.opened() as (folder, parts):

            def held() -> int:
                # A file that has just got its name is in both, and leaves `.parts` at any moment.
                there = [entry for each in (parts, folder) for entry in _entries(each)]
                if len(there) > MOST_FILES:
                    raise FileRefused(
                        f"{self.path} has more than {MOST_FILES:,} files in it, so no other one is put there.",
                        "Move some of them away.",
                    )
                return sum({entry.inode(): _size(entry) for entry in there}.values())

            return self.room.promise(descriptor, self.path, size, written=written, held=held)

    def open_part(self, name: str) -> int:
        """A descriptor of the part file of that name, which is made if there is none. Raises FileRefused."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with self.opened() as (_, parts):
            descriptor = os.open(name, flags, FILE_MODE, dir_fd=parts)
            status = os.fstat(descriptor)
            if not (stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1):
                os.close(descriptor)
                os.unlink(name, dir_fd=parts)
                descriptor = os.open(name, flags | os.O_EXCL, FILE_MODE, dir_fd=parts)
            os.fchmod(descriptor, FILE_MODE)
            return descriptor

    def publish(self, part: str, name: str) -> Path:
        """Give a part file, which is on the disk, its name in the folder; a number is added if that is taken.

        Once it is kept that it has arrived, `published_is_kept` takes it off `.parts`. Raises FileRefused.
        """
        with self.opened() as (folder, parts):
            for number in itertools.count(1):
                target = name if number == 1 else numbered(name, number)
                try:
                    os.link(part, target, src_dir_fd=parts, dst_dir_fd=folder, follow_symlinks=False)
                except FileExistsError:
                    if number >= MAX_SAME_NAME:
                        raise
                else:
                    break
            os.fsync(folder)
            return self.path / target

    def published(self, part: str) -> Path | None:
        """Where a part file has its name in the folder already, perhaps another one by now; None if it has none.

        It may have changed since: nothing is written to it any more. Raises FileRefused.
        """
        with self.opened() as (folder, parts):
            if (status := _linked(part, parts)) is None:
                return None
            for entry in _entries(folder):
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(status, entry.stat(follow_symlinks=False)):
                        return self.path / entry.name
        return None

    def published_is_kept(self, part: str) -> None:
        """Take a part file that has its name off `.parts`. A folder that can't be used keeps it, until a later look."""
        with contextlib.suppress(StoreError, FileRefused), self.opened() as (_, parts):
            if _linked(part, parts) is not None:
                os.unlink(part, dir_fd=parts)

    def remove_part(self, name: str) -> None:
        """Remove a part file, if there is one."""
        with self.opened() as (_, parts), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parts)

    def parts(self) -> set[str]:
        """The names of all part files."""
        if not self.path.exists():
            return set()
        with self.opened() as (_, parts):
            return {entry.name for entry in _entries(parts) if not entry.is_dir(follow_symlinks=False)}

    def remove_unused_parts(self, names: Collection[str]) -> None:
        """Remove these part files, but those that are being written, which PartFile has locked."""
        if not names:
            return
        with self.opened() as (_, parts):
            for name in names:
                with contextlib.suppress(FileNotFoundError, BlockingIOError), _locked(name, parts):
                    os.unlink(name, dir_fd=parts)


@contextlib.contextmanager
def _locked(name: str, folder: int) -> Iterator[None]:
    """Hold a file's lock (flock), if it can be opened. Raises BlockingIOError if another descriptor has it."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        yield  # a link, or what belongs to somebody else
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _known(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileRefused(
            f"Files can't be kept in {path}: {error.strerror}.", "Check the folder and its disk."
        ) from error


def _check_own(descriptor: int, path: Path) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FileRefused(
            f"Others can write to {path}, so no file of a call is put there.",
            f"Run: chmod 700 {path}. Or name another `folder` under [files] of copybara.toml.",
        )


def _linked(name: str, folder: int) -> os.stat_result | None:
    """The status of a file that has another name as well; None if it hasn't, or isn't there."""
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            return status
    return None


def _entries(descriptor: int) -> list[os.DirEntry[str]]:
    with os.scandir(descriptor) as entries:
        return list(entries)


def _size(entry: os.DirEntry[str]) -> int:
    with contextlib.suppress(FileNotFoundError):
        if entry.is_file(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
    return 0
