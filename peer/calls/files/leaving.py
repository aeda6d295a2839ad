"""Sends our files: one task for all of a call, a piece of each in turn, no faster than path and processor allow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from peer.calls.files.entry import FileEntry
from peer.calls.files.frames import MAX_PIECE, Piece, Taken, encode
from peer.calls.files.pace import FilePace
from peer.calls.files.processor import Restraint, wanted
from peer.calls.files.source_file import SourceFile
from peer.transport.files_channel import FilesChannel
from shared.errors import CopybaraError, FileRefused
from shared.files.table import FileState
from shared.in_thread import in_thread_to_its_end

PIECES = 16
"Of one file before it is another's turn: a quarter of a megabyte is read at once."


class LeavingFiles:
    """The files that we send in one call, and the channel for both directions."""

    def __init__(
        self,
        *,
        may: Callable[[FileEntry], bool],
        withheld: Callable[[FileEntry], None],
        failed: Callable[[FileEntry, CopybaraError], None],
    ) -> None:
        """`may` is asked again and again whether a file is still for the other side, and `withheld` hears of one that
        isn't; `failed` of one that can't be read any more.
        """
        self._may = may
        self._withheld = withheld
        self._failed = failed
        self._sending: list[FileEntry] = []
        self._at: FileEntry | None = None
        "The file of which something is being read or sent."

        self._channel: FilesChannel | None = None
        self._opening = False
        self._pace = FilePace()
        self._restraint = Restraint()
        self._something = asyncio.Event()

    @property
    def has_channel(self) -> bool:
        """Whether this leg's channel is open, or being opened."""
        return self._opening

    def opens(self) -> None:
        """This leg's channel is being opened."""
        self._opening = True

    def connected(self, channel: FilesChannel) -> None:
        """It can be used; what is sent waits until it is up."""
        self._channel, self._pace = channel, FilePace()
        self._something.set()

    def disconnected(self) -> None:
        """The leg is gone, and its channel with it."""
        self._channel, self._opening = None, False
        self._something.set()

    def begin(self, entry: FileEntry, offset: int) -> None:
        """The receiver wants it from there on."""
        entry.position = entry.acknowledged = offset
        self._pace.forget(entry.kept.digest)
        if entry not in self._sending:
            self._sending.append(entry)
        self._something.set()

    def end(self, entry: FileEntry) -> None:
        """Send no more of it, and let go of its file: until then a copy of our own keeps its place on the disk."""
        if entry in self._sending:
            self._sending.remove(entry)
        self._pace.forget(entry.kept.digest)
        if entry is not self._at:  # a thread may be reading from it
            entry.close()
        self._something.set()

    def taken(self, entry: FileEntry, offset: int) -> bool:
        """The receiver has written up to there; False if it said so before, or if that isn't sent.

        After it has asked for all of it again, an acknowledgement from before may still come: on another association.
        """
        if not entry.acknowledged < offset <= entry.position:
            return False
        entry.acknowledged = offset
        self._pace.taken(entry.kept.digest, offset, time.monotonic())
        self._something.set()
        return True

    def acknowledge(self, digest: bytes, offset: int) -> None:
        """Tell the sender of a file how far it is."""
        if self._channel is not None:
            self._channel.send_now(encode(Taken(digest, offset)))

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._something.clear()
            entry = self._next()
            if entry is None or not self._pace.has_room(MAX_PIECE):
                await self._something.wait()
                continue
            self._at = entry
            try:
                await self._send_some(entry)
            except CopybaraError as error:
                self._failed(entry, error)
            finally:
                self._at = None
                if not entry.open:
                    entry.close()

    def _next(self) -> FileEntry | None:
        """The next one that has something to send."""
        if self._channel is None or self._channel.closed.is_set():
            return None
        for place, entry in enumerate(self._sending):
            if entry.transfer.state is FileState.RUNNING and entry.position < entry.kept.size:
                self._sending.append(self._sending.pop(place))
                return entry
        return None

    async def _send_some(self, entry: FileEntry) -> None:
        """Read and send the next pieces. Raises FileRefused."""
        channel, begins = self._channel, entry.position
        assert channel is not None
        if not self._may(entry):
            self._withheld(entry)
            return
        source = entry.source
        if source is None:
            path = entry.kept.path
            source = entry.source = await in_thread_to_its_end(lambda: SourceFile(path), SourceFile.close)
        if source.changed(entry.kept.size, entry.kept.modified_ns, entry.kept.owner):
            raise FileRefused(f"{entry.kept.name} was changed after it was offered.", "Send it again.")
        block = await in_thread_to_its_end(lambda: source.read(begins, PIECES * MAX_PIECE))
        if not block:
            raise FileRefused(f"{entry.kept.name} is shorter than it was when it was offered.", "Send it again.")
        for at in range(0, len(block), MAX_PIECE):
            data = block[at : at + MAX_PIECE]
            if rest := self._restraint.rest(wanted(), time.monotonic()):
                await asyncio.sleep(rest)
            while not self._pace.has_room(len(data)):
                self._something.clear()
                await self._something.wait()
                if not self._goes_on(entry, channel, begins + at):
                    return
            if not self._goes_on(entry, channel, begins + at):
                return
            entry.position += len(data)
            self._pace.sent(entry.kept.digest, entry.position, len(data), time.monotonic())
            await channel.send(encode(Piece(entry.kept.digest, begins + at, data)))

    def _goes_on(self, entry: FileEntry, channel: FilesChannel, position: int) -> bool:
        """Whether the rest of what was read is still what is to be sent next."""
        return (
            channel is self._channel
            and not channel.closed.is_set()
            and entry.transfer.state is FileState.RUNNING
            and entry.position == position
        )
