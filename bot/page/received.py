"""Files that have come in the calls of this run. A page may save each as long as it is where it was put."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from bot.page.view import is_here
from bot.texts import files as texts
from peer.calls.files.transfer import Transfer
from peer.handset.downloads import Downloads, Which, which_is_at
from shared.errors import FileRefused

MOST = 1000
"Files that are known; the oldest goes first."


class ReceivedFiles:
    """By their numbers."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads
        self._known: OrderedDict[int, tuple[Path, Which | None]] = OrderedDict()

    def look_at(self, transfer: Transfer) -> None:
        """Note which file it is, if it has just come: the next one with its name may be somebody else's."""
        if not is_here(transfer) or transfer.path is None or transfer.number in self._known:
            return
        self._known[transfer.number] = transfer.path, which_is_at(transfer.path)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def address(self, number: int) -> str:
        """Where a browser gets the file. Raises FileRefused if it isn't there any more."""
        path, which = self._known.get(number, (None, None))
        if path is None or which is None or which_is_at(path) != which:
            raise FileRefused(texts.gone(path.name if path else None), texts.GONE_HINT)
        return self._downloads.offer(path, which)
