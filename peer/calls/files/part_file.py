"""A file that is arriving: written piece by piece, hashed as it comes. All of this blocks: it runs in threads."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from peer.calls.files.folder import FilesFolder
from peer.calls.files.room import MEGABYTE, Promise
from shared.errors import FileRefused, StoreError
from shared.files.records import KeptFile

BLOCK = 1024 * 1024


class PartTaken(Exception):
    """Another call with the same node has it open, perhaps one that is just ending."""


class Damaged(Exception):
    """What is there isn't what was offered."""


def part_name(kept: KeptFile) -> str:
    """Of the file in `.parts`. One for each sender: nobody learns from us what somebody else has sent.

    Somebody at a contact's node without their key is another sender.
    """
    sender = (kept.began_at or kept.peer).key.hex()[:16]
    return f"{kept.digest.hex()}-{sender}{'' if kept.proven else '-unproven'}.part"


class PartFile:
    """One of them, open."""

    def __init__(self, folder: FilesFolder, kept: KeptFile) -> None:
        """Open it, and read what is there from before. Raises PartTaken, FileRefused."""
        self._folder = folder
        self._kept = kept
        self._descriptor = folder.open_part(part_name(kept))
        self._digest = hashlib.sha256()
        self.written = 0
        "Bytes that are there."

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._descriptor).st_size > kept.size:
                os.ftruncate(self._descriptor, 0)
            while block := os.pread(self._descriptor, BLOCK, self.written):
                self._digest.update(block)
                self.written += len(block)
        except BlockingIOError:
            os.close(self._descriptor)
            raise PartTaken from None
        except OSError as error:
            os.close(self._descriptor)
            raise FileRefused(f"{kept.name} can't be written: {error.strerror}.", "Try again later.") from error
        self._promise: Promise | None = None
        self._looked = 0
        "Up to which byte there was room on the disk when it was looked at last."

        self.resumed = self.written > 0
        "Whether a part of it was there before."

    def promise(self) -> None:
        """Have room kept for all of it, until it is closed. Raises FileRefused if there is none."""
        self._promise = self._folder.promise(self._descriptor, self._kept.size, self.written)
        self._looked = self.written + MEGABYTE

    def write(self, data: bytes) -> None:
        """Add bytes at the end, of a file that has room. Raises FileRefused if the disk takes no more."""
        assert self._promise is not None
        if self.written + len(data) > self._looked:
            self._folder.room.check(self._promise, self._folder.path)
            self._looked = self.written + MEGABYTE
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._descriptor, view, self.written)
                self._digest.update(view[:count])
                self.written += count
                self._promise.written = self.written
                view = view[count:]
        except OSError as error:
            raise FileRefused(
                f"{self._kept.name} can't be written: {error.strerror}.", "Make room on the disk."
            ) from error

    def finish(self) -> Path:
        """Give the file its name as well, once it is on the disk, and close it. Raises Damaged, FileRefused."""
        if self.written != self._kept.size or self._digest.digest() != self._kept.digest:
            raise Damaged
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise FileRefused(f"{self._kept.name} can't be written: {error.strerror}.", "Check the disk.") from error
        path = self._folder.publish(part_name(self._kept), self._kept.name)
        self.close()
        return path

    def restart(self) -> None:
        """Begin with nothing. Raises FileRefused."""
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError as error:
            raise FileRefused(f"{self._kept.name} can't be written: {error.strerror}.", "Check the disk.") from error
        self._digest = hashlib.sha256()
        self.written, self.resumed, self._looked = 0, False, 0
        if self._promise is not None:
            self._promise.written = 0

    def close(self) -> None:
        """Let go of it; what is there stays. May be repeated."""
        if self._promise is not None:
            self._folder.room.give_back(self._promise)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Close and remove it."""
        self.close()
        remove(self._folder, self._kept)


def remove(folder: FilesFolder, kept: KeptFile) -> None:
    """Remove a part file that isn't open. A folder that can't be used keeps it, until the next start."""
    with contextlib.suppress(StoreError, FileRefused):
        folder.remove_part(part_name(kept))
