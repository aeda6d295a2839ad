"""Receives files from pages in pieces, writes them, and then offers them to the other side.

Each file has a task that writes and offers it, so that the page's other messages don't wait for the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from peer.calls.files.room import Promise
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described, too_large
from peer.handset.page import Page
from peer.handset.protocol import Done, FileTaken, SendFile
from shared.errors import FileRefused, HandsetError
from shared.in_thread import in_thread_to_its_end

AT_ONCE = 4
"How many files one page may send at once."

MOST_WAITING = 64
"How many pieces of one file may wait to be written. Our page sends at most 1 MiB ahead, in pieces of 48 KiB."

_HEAD = struct.Struct("!I")
"Before each piece: the `id` of its SendFile."

Ready = Callable[[], Awaitable[None]]
Offer = Callable[[Path, Described], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Upload:
    size: int
    received: int = 0
    "How many bytes have come, written or not."

    waiting: deque[bytes] = field(default_factory=deque, repr=False)
    "Pieces that aren't written yet."

    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        self.waiting.clear()
        self.changed.set()


@dataclass(eq=False, slots=True)
class _Copy:
    """The file that an upload is written to."""

    path: Path
    promise: Promise
    "The reserved space, and the open file."

    digest: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def close(self) -> Described:
        """Close the complete file, and describe it."""
        modified_ns = os.fstat(self.promise.descriptor).st_mtime_ns
        os.close(self.promise.descriptor)
        return Described(self.promise.written, self.digest.digest(), modified_ns)


class Uploads:
    """The uploads of all pages."""

    def __init__(self, shelf: FileShelf) -> None:
        self._shelf = shelf
        self._running: dict[tuple[Page, int], _Upload] = {}

    async def receive(self, page: Page, message: SendFile, *, ready: Ready, offer: Offer) -> None:
        """Receive a file from a page and offer it once it is complete, unless the page cancels it or leaves.

        `ready` waits until files can be offered. Then the page gets Done and sends the bytes. `offer` gets the complete
        file. Raises HandsetError for something that our page never sends, FileRefused, StoreError, and what `ready` and
        `offer` raise.
        """
        if message.id is None or (page, message.id) in self._running:
            raise HandsetError
        if sum(each is page for each, _ in self._running) >= AT_ONCE:
            raise FileRefused(f"{AT_ONCE} files are being read already.", "Wait until one is ready.")
        if message.size > self._shelf.limits.largest:
            raise too_large(message.name, message.size, self._shelf.limits.largest)
        upload = self._running[page, message.id] = _Upload(message.size)
        try:
            await ready()
            if upload.cancelled:
                return
            spooled = await in_thread_to_its_end(lambda: self._shelf.spool(message.size), self._shelf.drop_spooled)
            copy = _Copy(*spooled)
            offered = False
            try:
                described = await self._written(page, message.id, upload, copy)
                if described is not None:
                    await offer(copy.path, described)
                    offered = True
            finally:
                if not offered:
                    await in_thread_to_its_end(lambda: self._shelf.remove_copy(copy.path))
        except OSError as error:
            raise FileRefused(f"{message.name} can't be kept: {error.strerror}.", "Make room.") from error
        finally:
            del self._running[page, message.id]

    def take(self, page: Page, data: bytes) -> None:
        """Take the next piece of a file. Never waits.

        Raises HandsetError for something that our page never sends.
        """
        if len(data) < _HEAD.size:
            raise HandsetError
        (number,) = _HEAD.unpack_from(data)
        upload = self._running.get((page, number))
        if upload is None or upload.cancelled:
            return  # the file was cancelled, or couldn't be written
        piece = data[_HEAD.size :]
        upload.received += len(piece)
        if not piece or upload.received > upload.size or len(upload.waiting) >= MOST_WAITING:
            upload.cancel()
            raise HandsetError
        upload.waiting.append(piece)
        upload.changed.set()

    def cancel(self, page: Page, number: int) -> None:
        """Cancel a file, because the page did."""
        if (upload := self._running.get((page, number))) is not None:
            upload.cancel()

    def left(self, page: Page) -> None:
        """Drop the incomplete files of a page that has gone."""
        for (each, _), upload in self._running.items():
            if each is page and upload.received < upload.size:
                upload.cancel()

    async def _written(self, page: Page, number: int, upload: _Upload, copy: _Copy) -> Described | None:
        """Write the pieces until the file is complete. None: it was cancelled. Raises FileRefused, OSError."""
        try:
            page.send(Done(id=number))
            while copy.promise.written < upload.size and not upload.cancelled:
                if not upload.waiting:
                    upload.changed.clear()
                    await upload.changed.wait()
                    continue
                data = b"".join(upload.waiting)
                upload.waiting.clear()
                await in_thread_to_its_end(partial(self._write, copy, data))
                page.send(FileTaken(upload=number, bytes=copy.promise.written))
        finally:
            self._shelf.room.give_back(copy.promise)
            described = await in_thread_to_its_end(copy.close)
        return None if upload.cancelled else described

    def _write(self, copy: _Copy, data: bytes) -> None:
        self._shelf.room.check(copy.promise, copy.path.parent)
        copy.digest.update(data)
        view = memoryview(data)
        while view:
            count = os.write(copy.promise.descriptor, view)
            copy.promise.written += count
            view = view[count:]
