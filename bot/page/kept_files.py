"""Knows the files of this run's calls: received files, and the owner's recordings.

A page may save each of them while it is where it was put.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TypeAlias

from bot.page.view import is_here
from bot.texts import files as texts
from peer.calls.files.transfer import Transfer
from peer.handset.downloads import Downloads, Which, which_is_at
from shared.errors import FileRefused

_Key: TypeAlias = tuple[bool, int]
"Whether it is a recording, and its number."

MOST = 1000
"How many files are known. The oldest is forgotten first."


class KeptFiles:
    """The files by number.

    A received file has the number of its transfer. Recordings have their own numbers.
    """

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads
        self._known: OrderedDict[_Key, tuple[Path, Which | None]] = OrderedDict()
        self._recordings = 0

    def look_at(self, transfer: Transfer) -> None:
        """If a file has just arrived, remember which it is, because another file may get its name later."""
        if is_here(transfer) and transfer.path is not None and (False, transfer.number) not in self._known:
            self._keep((False, transfer.number), transfer.path)

    def recorded(self, path: Path) -> int:
        """Add a finished recording. Returns its number."""
        self._recordings += 1
        self._keep((True, self._recordings), path)
        return self._recordings

    def _keep(self, key: _Key, path: Path) -> None:
        self._known[key] = path, which_is_at(path)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def address(self, number: int, *, recording: bool = False) -> str:
        """The address at which a browser gets the file. Raises FileRefused if it is gone."""
        path, which = self._known.get((recording, number), (None, None))
        if path is None or which is None or which_is_at(path) != which:
            raise FileRefused(texts.gone(path.name if path else None), texts.GONE_HINT)
        return self._downloads.offer(path, which)
