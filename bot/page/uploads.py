"""Files that a page sends: they come in pieces over its socket, and wait in a file of our own until they are offered.

Nothing of them is in memory but the piece that is being written; a page that sends faster than that waits.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from peer.calls.files.room import Promise
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described
from peer.handset.page import Page
from peer.handset.protocol import FileTaken, SendFile
from shared.errors import FileRefused, HandsetError
from shared.in_thread import in_thread_to_its_end

AT_ONCE = 4
"Files that one page may be sending to us at the same time."

_HEAD = struct.Struct("!I")
"Before each piece: the `id` of the SendFile that it belongs to."

Offer = Callable[[Path, Described], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Upload:
    message: SendFile
    path: Path
    promise: Promise
    "The room for it, and the open file."

    offer: Offer = field(repr=False)
    "Offers the file, once it is whole. Raises CopybaraError."

    digest: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)


class Uploads:
    """Those of all pages."""

    def __init__(self, shelf: FileShelf) -> None:
        self._shelf = shelf
        self._of: dict[Page, dict[int, _Upload]] = {}

    async def begin(self, page: Page, message: SendFile, offer: Offer) -> None:
        """A page is going to send a file, which `offer` offers then. Raises FileRefused, StoreError, HandsetError."""
        if message.id is None:
            raise HandsetError
        running = self._of.setdefault(page, {})
        if message.id in running:
            raise HandsetError
        if len(running) >= AT_ONCE:
            raise FileRefused(f"{AT_ONCE} files are being read already.", "Wait until one is ready.")
        if message.size > self._shelf.limits.largest:
            raise FileRefused(
                f"{message.name} has {message.size // 1_000_000} MB, which is more than may be sent at once.",
                "Pack it into parts, or raise `largest_mb` under [files].",
            )
        path, promise = await in_thread_to_its_end(lambda: self._shelf.spool(message.size))
        running[message.id] = _Upload(message, path, promise, offer)
        if not message.size:
            await self._finish(page, running[message.id])

    async def take(self, page: Page, data: bytes) -> None:
        """Write the next piece. Raises HandsetError for what our page never sends, and CopybaraError."""
        if len(data) < _HEAD.size:
            raise HandsetError
        (number,) = _HEAD.unpack_from(data)
        upload = self._of.get(page, {}).get(number)
        if upload is None:
            return  # it was cancelled, or couldn't be written
        piece = data[_HEAD.size :]
        if not piece or upload.promise.written + len(piece) > upload.message.size:
            await self._drop(page, upload)
            raise HandsetError
        try:
            await in_thread_to_its_end(lambda: self._write(upload, piece))
        except FileRefused:
            await self._drop(page, upload)
            raise
        except OSError as error:
            await self._drop(page, upload)
            raise FileRefused(f"{upload.message.name} can't be kept: {error.strerror}.", "Make room.") from error
        page.send(FileTaken(upload=number, bytes=upload.promise.written))
        if upload.promise.written == upload.message.size:
            await self._finish(page, upload)

    async def cancel(self, page: Page, number: int) -> None:
        """The page sends no more of it."""
        if (upload := self._of.get(page, {}).get(number)) is not None:
            await self._drop(page, upload)

    async def left(self, page: Page) -> None:
        """The page has gone: forget what it hasn't sent whole."""
        for upload in tuple(self._of.get(page, {}).values()):
            await self._drop(page, upload)
        self._of.pop(page, None)

    async def _finish(self, page: Page, upload: _Upload) -> None:
        self._forget(page, upload)
        described = await in_thread_to_its_end(lambda: _close(upload))
        try:
            await upload.offer(upload.path, described)
        except BaseException:
            await in_thread_to_its_end(lambda: _remove(upload.path))
            raise

    async def _drop(self, page: Page, upload: _Upload) -> None:
        self._forget(page, upload)

        def drop() -> None:
            os.close(upload.promise.descriptor)
            _remove(upload.path)

        await in_thread_to_its_end(drop)

    def _write(self, upload: _Upload, data: bytes) -> None:
        self._shelf.room.check(upload.promise, upload.path.parent)
        upload.digest.update(data)
        view = memoryview(data)
        while view:
            count = os.write(upload.promise.descriptor, view)
            upload.promise.written += count
            view = view[count:]

    def _forget(self, page: Page, upload: _Upload) -> None:
        self._shelf.room.give_back(upload.promise)
        if upload.message.id is not None:
            self._of.get(page, {}).pop(upload.message.id, None)


def _close(upload: _Upload) -> Described:
    """Close a file that is whole."""
    modified_ns = os.fstat(upload.promise.descriptor).st_mtime_ns
    os.close(upload.promise.descriptor)
    return Described(upload.promise.written, upload.digest.digest(), modified_ns)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
