"""The files and recordings that the page shows with a call, during the call and later in the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.page import view
from bot.page.kept_files import KeptFiles
from peer.calls.files.transfer import Transfer
from peer.calls.line import Line
from peer.handset import protocol as page_protocol
from peer.handset.downloads import Downloads

FILES_KEPT = 50
"How many finished files of one call a page gets when it connects late."


class ShownFiles:
    """The files and recordings of all calls of this run."""

    def __init__(self, downloads: Downloads, *, logged: int) -> None:
        """The log shows the received files of the last `logged` calls that had any."""
        self._logged = logged
        self._kept = KeptFiles(downloads)
        self._files: dict[int, dict[int, Transfer]] = {}
        "The files of running calls, by the number of the call and the file."

        self._arrived: dict[bytes, list[Transfer]] = {}
        "The received files of ended calls, by the call's reference."

        self._recorded: dict[bytes, list[page_protocol.Recorded]] = {}
        "The recordings of calls, by the call's reference."

    def changed(self, line: Line, transfer: Transfer) -> None:
        """Take a change to a file of that call."""
        self._kept.look_at(transfer)
        if line.call.ended:
            return
        files = self._files.setdefault(line.number, {})
        files[transfer.number] = transfer
        for number in [each for each, known in files.items() if known.ended][:-FILES_KEPT]:
            del files[number]

    def of(self, line: Line) -> Iterable[Transfer]:
        """The files of a running call."""
        return self._files.get(line.number, {}).values()

    def recorded(self, line: Line, path: Path) -> int:
        """Add a finished recording of that call. Returns the number with which a page may save it."""
        number = self._kept.recorded(path)
        self._recorded.setdefault(line.link.reference, []).append(page_protocol.Recorded(number, str(path)))
        for reference in [*self._recorded][: -self._logged]:
            del self._recorded[reference]
        return number

    def over(self, line: Line) -> None:
        """Note that a call is over. From now on, only its received files are shown."""
        if arrived := [each for each in self._files.pop(line.number, {}).values() if view.is_here(each)]:
            self._arrived[line.link.reference] = arrived
            for reference in [*self._arrived][: -self._logged]:
                del self._arrived[reference]

    def arrived_in(self, reference: bytes) -> Sequence[Transfer]:
        """The files received in the call with that reference (8 bytes)."""
        return self._arrived.get(reference, ())

    def recordings_of(self, reference: bytes) -> Sequence[page_protocol.Recorded]:
        """The recordings of the call with that reference (8 bytes)."""
        return self._recorded.get(reference, ())

    def save_address(self, number: int, *, recording: bool) -> str:
        """The address at which a browser gets the received file or recording with that number. Raises FileRefused."""
        return self._kept.address(number, recording=recording)
