"""The folder for files that others send. Everything in here blocks: it is called in threads.

What isn't whole yet is in `.parts` below it, and gets its name by a hard link, which never replaces anything and never
follows a symbolic link. All files are 0600, and nothing here opens or runs one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.config.schema import FileSettings
from shared.errors import FileRefused
from shared.files.names import numbered
from shared.store.files import FILE_MODE, FOLDER_MODE, make_folder

MEGABYTE = 1_000_000
PARTS = ".parts"
MAX_SAME_NAME = 1_000


@dataclass(frozen=True, slots=True)
class FileLimits:
    """In bytes."""

    largest: int
    "Of one file."

    folder: int
    "Of everything in the folder."

    free: int
    "What stays free on the disk."

    @classmethod
    def of(cls, settings: FileSettings) -> FileLimits:
        """As configured, where it is in megabytes."""
        return cls(settings.largest_mb * MEGABYTE, settings.folder_mb * MEGABYTE, settings.leave_mb * MEGABYTE)


class FilesFolder:
    """One folder, which is made when it is needed first."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self.path = path
        self.limits = limits

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[int, int]]:
        """Descriptors of the folder and of `.parts` in it, for the length of the block.

        Raises FileRefused if others could put something in the way, StoreError if it can't be made.
        """
        make_folder(self.path)
        with _known(self.path):
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

    def check_room(self, size: int) -> None:
        """Whether `size` bytes more have a place. Raises FileRefused if not."""
        with self.opened() as (folder, parts):
            disk = os.fstatvfs(folder)
            if disk.f_bavail * disk.f_frsize - size < self.limits.free:
                raise FileRefused(
                    f"There is no room for it on the disk of {self.path}.",
                    "Make room, or lower `leave_mb` under [files].",
                )
            held = sum(_size(entry) for each in (folder, parts) for entry in _entries(each))
            if held + size > self.limits.folder:
                raise FileRefused(
                    f"{self.path} holds {held // MEGABYTE} MB, and with this file it would be more than it may.",
                    "Move some away, or raise `folder_mb` under [files].",
                )

    def open_part(self, name: str) -> int:
        """A descriptor of the part file of that name, which is made if there is none. Raises FileRefused."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with self.opened() as (_, parts):
            descriptor = os.open(name, flags, FILE_MODE, dir_fd=parts)
            status = os.fstat(descriptor)
            if not (stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1):
                # Perhaps it was linked to its name, and the program was killed before it was taken off here.
                os.close(descriptor)
                os.unlink(name, dir_fd=parts)
                descriptor = os.open(name, flags | os.O_EXCL, FILE_MODE, dir_fd=parts)
            os.fchmod(descriptor, FILE_MODE)
            return descriptor

    def publish(self, part: str, name: str) -> Path:
        """Give a part file, which is on the disk, its name in the folder; a number is added if that is taken.

        Raises FileRefused.
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
            os.unlink(part, dir_fd=parts)
            return self.path / target

    def remove_part(self, name: str) -> None:
        """Remove a part file, if there is one."""
        with self.opened() as (_, parts), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parts)

    def keep_only(self, names: frozenset[str]) -> None:
        """Remove every part file but those."""
        if not self.path.exists():
            return
        with self.opened() as (_, parts):
            for entry in _entries(parts):
                if entry.name not in names and not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=parts)


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
            f"Run: chmod 700 {path}. Or name another `folder` under [files].",
        )


def _entries(descriptor: int) -> list[os.DirEntry[str]]:
    with os.scandir(descriptor) as entries:
        return list(entries)


def _size(entry: os.DirEntry[str]) -> int:
    with contextlib.suppress(FileNotFoundError):
        if entry.is_file(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
    return 0
