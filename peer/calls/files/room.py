"""Room on the disk for files that are on their way: promised before the first byte comes, to all calls together.

What is promised and not yet written counts as if it were there. All of this blocks: it is called in threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.config.schema import FileSettings
from shared.errors import FileRefused

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class FileLimits:
    """In bytes."""

    largest: int
    "Of one file."

    folder: int
    "Of everything in the folder."

    free: int
    "What stays free on the disk."

    voice: int = 0
    "Of a contact's voice message that is accepted without asking."

    @classmethod
    def of(cls, settings: FileSettings) -> FileLimits:
        """As configured, where it is in megabytes."""
        return cls(
            settings.largest_mb * MEGABYTE,
            settings.folder_mb * MEGABYTE,
            settings.leave_mb * MEGABYTE,
            settings.voice_mb * MEGABYTE,
        )


@dataclass(eq=False, slots=True)
class Promise:
    """Room for one file, until it is given back."""

    descriptor: int
    "Of the file; used as long as its writer has it open."

    device: int
    "The disk, as `st_dev`."

    size: int
    written: int
    "Bytes that are in the file; its writer counts them, after they are there."

    in_folder: bool
    "Whether it counts for the folder that others' files go to."

    @property
    def left(self) -> int:
        """Bytes that are promised and not there yet."""
        return max(0, self.size - self.written)


class DiskRoom:
    """One for a program."""

    def __init__(self, limits: FileLimits) -> None:
        self._limits = limits
        self.deciding = threading.Lock()
        "Held while room is looked for."

        self._promises: set[Promise] = set()
        "Only added to with the lock. To give back waits for no lock: that is done in the event loop too."

    def promise(
        self, descriptor: int, place: Path, size: int, *, written: int = 0, held: Callable[[], int] | None = None
    ) -> Promise:
        """Promise room for a file of `size` bytes, `written` of which are there. Raises FileRefused if there is none.

        `descriptor` is the open file, in the folder `place`. `held` counts the bytes that are in the limited folder,
        if it is there.
        """
        with self.deciding:
            # First what is promised, then what is there: what is written meanwhile counts twice, never not at all.
            promises = self._promises.copy()
            promise = Promise(descriptor, os.fstat(descriptor).st_dev, size, written, held is not None)
            promised = sum(each.left for each in promises if each.device == promise.device)
            if _free(descriptor) - promised - promise.left < self._limits.free:
                raise _no_room(place)
            if held is not None:
                there = held() + sum(each.left for each in promises if each.in_folder)
                if there + promise.left > self._limits.folder:
                    raise FileRefused(
                        f"With it, {place} would hold more than it may, with what is on its way.",
                        "Move some files away, or raise `folder_mb` under [files] of copybara.toml.",
                    )
            self._promises.add(promise)
            return promise

    def give_back(self, promise: Promise) -> None:
        """The file is complete, or nothing more is written to it. Doesn't block, and may be repeated."""
        self._promises.discard(promise)

    def check(self, promise: Promise, place: Path) -> None:
        """Whether the disk still has what was promised: other programs fill it too. Raises FileRefused."""
        if _free(promise.descriptor) - promise.left < self._limits.free:
            raise _no_room(place)


def _free(descriptor: int) -> int:
    disk = os.fstatvfs(descriptor)
    return disk.f_bavail * disk.f_frsize


def _no_room(place: Path) -> FileRefused:
    return FileRefused(
        f"There is no room for it on the disk of {place}.",
        "Make room, or lower `leave_mb` under [files] of copybara.toml.",
    )
