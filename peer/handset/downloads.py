"""Files that a page may save: each at an address that only that page was told, for a while."""

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
"How long a file can be saved after its page was told."

MOST = 256
"Addresses that there are at a time; the oldest goes first."


Which: TypeAlias = tuple[int, ...]
"What tells a file apart from one that gets its name later, and perhaps its inode as well."


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
        """A new address, as a path of the page's server, for the file that is at `path` now, or was it: `which`."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._offered[token] = _Offered(path, self._clock() + SECONDS, which or which_is_at(path))
        while len(self._offered) > MOST:
            self._offered.popitem(last=False)
        return f"{PREFIX}{token}"

    def find(self, address: str) -> Path | None:
        """The file at an address, if it can be saved there still."""
        offered = self._offered.get(address.removeprefix(PREFIX))
        return offered.path if offered is not None and self._clock() < offered.until else None

    def open(self, address: str) -> BinaryIO | None:
        """The same, open for reading, if it is still the one that was offered. Blocks."""
        offered = self._offered.get(address.removeprefix(PREFIX))
        if offered is None or self._clock() >= offered.until:
            return None
        try:
            # Nothing beside it is looked at: who sent `report.pdf.gz` isn't who sent `report.pdf`.
            file = os.fdopen(os.open(offered.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError:
            return None
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or _which(found) != offered.which:
            file.close()
            return None
        return file


def which_is_at(path: Path) -> Which | None:
    """The file that is there now; None if there is none."""
    try:
        return _which(path.stat(follow_symlinks=False))
    except OSError:
        return None


def _which(found: os.stat_result) -> Which:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def headers(name: str) -> dict[str, str]:
    """That a browser saves the file under its name and never shows it (RFC 6266, RFC 8187)."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Type": "application/octet-stream",
    }
