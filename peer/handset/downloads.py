"""Files that a page may save. Each has an address that only that page knows, for a while."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias
from urllib.parse import quote

import msgspec

PREFIX = "/received/"
TOKEN_BYTES = 24
SECONDS = 3600.0
"How long a file can be saved after the page got its address."

MOST = 256
"How many addresses there are at once. The oldest is dropped first."


Which: TypeAlias = tuple[int, ...]
"Distinguishes a file from a later one with the same name, and perhaps the same inode."


class _Offered(msgspec.Struct, frozen=True):
    path: Path
    until: float
    which: Which | None


class Downloads:
    """The addresses of one run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._offered: OrderedDict[str, _Offered] = OrderedDict()

    def offer(self, path: Path, which: Which | None = None) -> str:
        """A new address, as a path of the page's server, for the file at `path`.

        `which` identifies the file, if it was there before.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._offered[token] = _Offered(path, self._clock() + SECONDS, which or which_is_at(path))
        while len(self._offered) > MOST:
            self._offered.popitem(last=False)
        return f"{PREFIX}{token}"

    def find(self, address: str) -> Path | None:
        """The file at an address, if it can still be saved."""
        offered = self._offered.get(address.removeprefix(PREFIX))
        return offered.path if offered is not None and self._clock() < offered.until else None

    def open(self, address: str) -> BinaryIO | None:
        """The file at an address, open for reading, if it is still the one that was offered. Blocks."""
        offered = self._offered.get(address.removeprefix(PREFIX))
        if offered is None or self._clock() >= offered.until:
            return None
        try:
            # Serve no file beside it: the person who sent `report.pdf.gz` may not be the one who sent `report.pdf`.
            file = os.fdopen(os.open(offered.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError:
            return None
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or _which(found) != offered.which:
            file.close()
            return None
        return file


def which_is_at(path: Path) -> Which | None:
    """Identifies the file at that path. None if there is none."""
    try:
        return _which(path.stat(follow_symlinks=False))
    except OSError:
        return None


def _which(found: os.stat_result) -> Which:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def headers(name: str) -> dict[str, str]:
    """Headers that make a browser save the file under its name and never show it (RFC 6266, RFC 8187)."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Type": "application/octet-stream",
    }
