"""A file of the owner's that is being sent. Everything in here blocks: it is called in threads."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from peer.calls.files.room import MEGABYTE
from shared.errors import FileRefused

BLOCK = 1024 * 1024
"Bytes that are read at once."


@dataclass(frozen=True, slots=True)
class Described:
    """What a file was when it was offered."""

    size: int
    digest: bytes
    modified_ns: int
    owner: int | None = None
    "The user whose file it was; None: a copy of our own."


def size_of(path: Path) -> int:
    """Bytes of a file. Raises FileRefused if it can't be read."""
    with SourceFile(path) as source:
        return source.size


def too_large(name: str, size: int, largest: int) -> FileRefused:
    """The error for a file of more than `largest` bytes."""
    megabytes = -(-size // MEGABYTE)
    return FileRefused(
        f"{name} has {megabytes} MB, and at most {largest // MEGABYTE} MB can be sent at once.",
        "Pack it into parts, or raise `largest_mb` under [files] of copybara.toml.",
    )


def describe(path: Path, *, largest: int) -> Described:
    """Read a file once, for its SHA-256. Raises FileRefused if it can't be read or has more than `largest` bytes."""
    with SourceFile(path) as source:
        size, modified_ns, owner = source.size, source.modified_ns, source.owner
        if size > largest:
            raise too_large(path.name, size, largest)
        digest = hashlib.sha256()
        at = 0
        while block := source.read(at, BLOCK):
            digest.update(block)
            at += len(block)
            if at > size:
                break
        if at != size or source.changed(size, modified_ns, owner):
            raise FileRefused(f"{path.name} changes while it is read.", "Wait until it is finished, then send it.")
    return Described(size, digest.digest(), modified_ns, owner)


class SourceFile:
    """An open file."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises FileRefused if it isn't a file that can be read."""
        try:
            # Without waiting: a pipe has no end, and perhaps no beginning.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise FileRefused(
                f"{str(path)!r} can't be read: {reason or 'it is no path'}.", "Check the path, and write it whole."
            ) from error
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise FileRefused(f"{str(path)!r} isn't a file.", "Pack a folder into an archive, then send that.")
        self.size = status.st_size
        self.modified_ns = status.st_mtime_ns
        self.owner = status.st_uid
        self._path = path

    def changed(self, size: int, modified_ns: int, owner: int | None) -> bool:
        """Whether the file has been written to since it had that size and time, or is another user's than it was.

        Another user who may write where it lies can put a link to one of our files in its place, and choose the size
        and time of their own before.
        """
        status = os.fstat(self._descriptor)
        same_owner = owner is None or status.st_uid == owner
        return not same_owner or (status.st_size, status.st_mtime_ns) != (size, modified_ns)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from that offset on; fewer at the end. Raises FileRefused if the disk fails."""
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise FileRefused(f"{self._path.name} can't be read: {error.strerror}.", "Check the disk.") from error

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
