"""Writes what arrives, in the order in which it came: one task for all files of a call."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from peer.calls.files.entry import FileEntry
from peer.calls.files.frames import MAX_PIECE, Piece
from peer.calls.files.pace import LARGEST
from peer.calls.files.part_file import Damaged, PartFile, PartTaken, part_name, remove
from peer.calls.files.processor import Restraint, wanted
from peer.calls.files.shelf import FileShelf
from shared.errors import CopybaraError, FileRefused, RemoteProtocolError
from shared.files.table import FileState
from shared.in_thread import in_thread_to_its_end
from shared.messages import FileOutcome

MAX_QUEUED = 2 * LARGEST
"Bytes that may wait to be written. A sender has half of that on its way at most."

MAX_WAITING_PIECES = 1024
"Pieces that may wait to be written, twice as many as MAX_QUEUED in whole ones: the last piece of a file may be small."

MAX_STRAY = 2 * LARGEST
"""Bytes of files that nobody wants, which were on their way when a transfer ended; each end allows half as many again.
A piece counts as a whole one.
"""

BATCH = 64 * 1024
"Bytes that are written and acknowledged at once. The sender sends as many at once when it hears of them."

DAMAGED = "What arrived isn't what was offered: the SHA-256 is another one. It was removed."


class _Take(msgspec.Struct, frozen=True):
    entry: FileEntry


class _Drop(msgspec.Struct, frozen=True):
    entry: FileEntry


_Job: TypeAlias = _Take | _Drop | tuple[FileEntry, Piece]


class ArrivingFiles:
    """The files that the other side sends in one call."""

    def __init__(
        self,
        shelf: FileShelf,
        *,
        accept: Callable[[FileEntry, int], Awaitable[None]],
        acknowledge: Callable[[FileEntry, int], None],
        ended: Callable[[FileEntry, FileOutcome, str, Path | None], Awaitable[None]],
        busy: Callable[[FileEntry], None],
    ) -> None:
        """`accept` tells the sender to begin at a byte, `acknowledge` how far it is, `ended` how it ended.

        `busy`: another call has it. It waits until it is offered again.
        """
        self._shelf = shelf
        self._accept = accept
        self._acknowledge = acknowledge
        self._ended = ended
        self._busy = busy
        self._jobs: deque[_Job] = deque()
        self._something = asyncio.Event()
        self._queued = 0
        self._pieces = 0
        "Those that wait."

        self._restraint = Restraint()
        self._stray = MAX_STRAY
        "Bytes that may still come of transfers that are over."

    def take(self, entry: FileEntry) -> None:
        """Open its part file, and accept it from where that ends."""
        self._put(_Take(entry))

    def end(self, entry: FileEntry, *, finished: bool) -> None:
        """Write no more of it, and remove what is there, unless it has its name already."""
        self._stray = min(self._stray + LARGEST, 8 * MAX_STRAY)
        if not finished:
            self._put(_Drop(entry))

    def put(self, entry: FileEntry | None, piece: Piece) -> None:
        """A piece has come. Raises RemoteProtocolError for one that a correct sender never sends."""
        if entry is None or entry.transfer.state is not FileState.RUNNING:
            self._stray -= MAX_PIECE
            if self._stray < 0:
                raise RemoteProtocolError("The other side sends files that nobody has accepted.")
            return
        if len(piece.data) < MAX_PIECE and piece.offset + len(piece.data) < entry.kept.size:
            raise RemoteProtocolError("The other side sends a file in smaller pieces than it may.")
        if self._queued + len(piece.data) > MAX_QUEUED or self._pieces >= MAX_WAITING_PIECES:
            raise RemoteProtocolError("The other side sends more of a file at once than it may.")
        self._queued += len(piece.data)
        self._pieces += 1
        self._put((entry, piece))

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._something.clear()
                while self._jobs:
                    job = self._jobs.popleft()
                    match job:
                        case _Take():
                            await self._open(job.entry)
                        case _Drop():
                            await self._drop(job.entry)
                        case (entry, piece):
                            await self._write(entry, piece)
                await self._something.wait()
        finally:
            await self.let_go()

    async def let_go(self) -> None:
        """Remove what has ended and `run` hasn't come to, or comes to no more.

        A part that stays open keeps its room from other files, and is taken by no later call.
        """
        while self._jobs:
            job = self._jobs.popleft()
            if isinstance(job, _Drop):
                await self._drop(job.entry)

    def _put(self, job: _Job) -> None:
        self._jobs.append(job)
        self._something.set()

    async def _open(self, entry: FileEntry) -> None:
        if not entry.open:
            return
        try:
            if entry.part is None:
                kept, folder = entry.kept, self._shelf.folder
                path = await in_thread_to_its_end(lambda: folder.published(part_name(kept)))
                if path is not None:
                    await self._ended(entry, FileOutcome.DONE, "", path)
                    return
                part = entry.part = await in_thread_to_its_end(lambda: PartFile(folder, kept), PartFile.close)
                await in_thread_to_its_end(part.promise)
            if entry.part.written < entry.kept.size:
                await self._accept(entry, entry.part.written)
                return
            if not entry.aside:
                await self._shelf.keep(entry.kept)  # an empty one, which needs no word to its sender
        except PartTaken:
            self._busy(entry)
            return
        except CopybaraError as error:
            outcome = FileOutcome.NO_ROOM if isinstance(error, FileRefused) else FileOutcome.FAILED
            if entry.part is not None:
                await self._drop(entry)
            await self._ended(entry, outcome, error.sentence, None)
            return
        await self._finish(entry, entry.part)

    async def _write(self, entry: FileEntry, piece: Piece) -> None:
        """Write a piece, and those that follow it already."""
        data = [piece.data]
        size = len(piece.data)
        at = piece.offset + size
        while self._jobs and size < BATCH:
            job = self._jobs[0]
            if not (isinstance(job, tuple) and job[0] is entry and job[1].offset == at):
                break
            self._jobs.popleft()
            data.append(job[1].data)
            size += len(job[1].data)
            at += len(job[1].data)
        self._queued -= size
        self._pieces -= len(data)
        part = entry.part
        if part is None or entry.transfer.state is not FileState.RUNNING:
            return
        if piece.offset != part.written or at > entry.kept.size:
            await self._ended(entry, FileOutcome.DAMAGED, "The other side sent something else than it offered.", None)
            return
        try:
            await in_thread_to_its_end(lambda: part.write(b"".join(data)))
        except FileRefused as error:
            await self._ended(entry, FileOutcome.NO_ROOM, error.sentence, None)
            return
        if rest := self._restraint.rest(wanted(), time.monotonic()):
            await asyncio.sleep(rest)  # the sender goes on when it hears how far we are
        if not entry.open:
            return
        self._acknowledge(entry, part.written)
        if part.written == entry.kept.size:
            await self._finish(entry, part)

    async def _finish(self, entry: FileEntry, part: PartFile) -> None:
        try:
            path = await in_thread_to_its_end(part.finish)
        except Damaged:
            if part.resumed:
                # What was there from before may have suffered when the computer went off: once more, from the start.
                try:
                    await in_thread_to_its_end(part.restart)
                    await self._accept(entry, 0)
                except CopybaraError as error:
                    await self._ended(entry, FileOutcome.FAILED, error.sentence, None)
            else:
                await self._ended(entry, FileOutcome.DAMAGED, DAMAGED, None)
        except CopybaraError as error:
            await self._ended(entry, FileOutcome.FAILED, error.sentence, None)
        else:
            entry.part = None
            await self._ended(entry, FileOutcome.DONE, "", path)

    async def _drop(self, entry: FileEntry) -> None:
        part, entry.part = entry.part, None
        if part is not None:
            await in_thread_to_its_end(part.discard)
        elif entry.wanted:
            await in_thread_to_its_end(lambda: remove(self._shelf.folder, entry.kept))
