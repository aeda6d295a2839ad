"""What the files of all calls of a node share: the folder, the store, and the numbers that people read."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from peer.calls.files.folder import FilesFolder
from peer.calls.files.part_file import part_name
from peer.calls.files.room import DiskRoom, FileLimits, Promise
from shared.asleep import uptime
from shared.errors import CopybaraError, FileRefused, StoreError
from shared.files.offers import VOICE_TAKEN
from shared.files.records import KEPT_SECONDS, KeptFile
from shared.in_thread import in_thread_to_its_end
from shared.node_id import NodeId
from shared.rate import Bucket
from shared.store import Store, StoreThread
from shared.store.files import FILE_MODE, make_folder
from shared.store.upkeep import UPKEEP_SECONDS

logger = logging.getLogger(__name__)


LAST_NUMBER = 9_999
"People type the numbers of files, on a phone perhaps."

NUMBERS_OF_A_RUN = 1_000
"An answer that was typed for a file before the program began again takes no other."

FEW_NUMBERS = 100
"With no more than these left, a run takes as many again."

NUMBERED = "files.numbered"
"The fact with the number up to which earlier runs may have come."


def _numbers_for_a_run(store: Store) -> int:
    """The number after which this run begins to count."""
    fact = store.home_fact(NUMBERED) or b""
    last = int(fact) if fact.isdigit() else 0
    store.set_home_fact(NUMBERED, str((last + NUMBERS_OF_A_RUN) % LAST_NUMBER).encode())
    return last


class FileShelf:
    """One for a program."""

    def __init__(
        self,
        folder: Path,
        limits: FileLimits,
        writes: StoreThread,
        *,
        spool: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder` is where others' files go, `spool` where copies of our own wait that have no other place."""
        self.room = DiskRoom(limits)
        self.folder = FilesFolder(folder, self.room)
        self.limits = limits
        self._spool = spool or folder / ".sending"
        self._writes = writes
        self._clock = clock
        self._number = 0
        self._numbers_left = 0
        self._messages: dict[NodeId, Bucket] = {}
        "Of contacts, whose number is bounded."
        self._unkept: set[Path] = set()
        "Our own copies that this run has made, for which no transfer is kept."

    def next_number(self) -> int:
        """For the next transfer: one that this run has given to none, nor the runs before it not long ago."""
        self._number = self._number % LAST_NUMBER + 1
        self._numbers_left -= 1
        return self._number

    async def see_to_numbers(self) -> None:
        """Keep that this run gives more numbers, before it has given those that are kept. After `next_number`."""
        if self._numbers_left > FEW_NUMBERS:
            return
        self._numbers_left += NUMBERS_OF_A_RUN
        try:
            await self._writes.write(_numbers_for_a_run)
        except StoreError as error:
            self._numbers_left -= NUMBERS_OF_A_RUN
            logger.warning("which numbers files have can't be kept: %s", error.sentence)

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def takes_message(self, peer: NodeId) -> bool:
        """Count a voice message of that contact that is to be accepted without asking; whether it may be."""
        # Not by the clock: one that was ahead and is set back would have no message accepted for as long as it was.
        return self._messages.setdefault(peer, Bucket(VOICE_TAKEN)).takes(uptime())

    def kept(self, peer: NodeId) -> list[KeptFile]:
        """What is kept of transfers with a node, oldest first. Raises StoreError."""
        oldest = self.now() - KEPT_SECONDS
        return [kept for kept in self._writes.store.kept_files(peer) if kept.at >= oldest]

    async def keep(self, kept: KeptFile) -> None:
        """Keep a transfer beyond its call. Raises StoreError."""
        await self._writes.write(lambda store: store.keep_file(kept))
        self._unkept.discard(kept.path)

    async def forget(self, kept: KeptFile, *, aside: bool = False) -> None:
        """It is over. If it can't be written, it is logged, and forgotten when it is old. `aside` see FileEntry."""
        if kept.ours and kept.spooled:
            await in_thread_to_its_end(lambda: self.remove_copy(kept.path))
        if aside:
            return
        try:
            await self._writes.write(lambda store: store.forget_file(kept))
        except CopybaraError as error:
            logger.warning("a file's end can't be kept: %s", error.sentence)

    def spool(self, size: int) -> tuple[Path, Promise]:
        """A new file of our own, 0600, to be filled with `size` bytes that are to be sent, and the room for it. Blocks.

        The room is to be given back. Raises FileRefused, StoreError.
        """
        make_folder(self._spool)
        path = self._spool / secrets.token_hex(16)
        self._unkept.add(path)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            self._unkept.discard(path)
            raise FileRefused(f"Files can't be kept in {self._spool}: {error.strerror}.", "Check the disk.") from error
        try:
            return path, self.room.promise(descriptor, self._spool, size)
        except BaseException:
            os.close(descriptor)
            self.remove_copy(path)
            raise

    def drop_spooled(self, spooled: tuple[Path, Promise]) -> None:
        """Take back what `spool` has made, empty as it is."""
        path, promise = spooled
        self.room.give_back(promise)
        os.close(promise.descriptor)
        self.remove_copy(path)

    def remove_copy(self, path: Path) -> None:
        """Remove a file that `spool` has made. Blocks. One that a failing disk keeps goes with a later look."""
        self._unkept.discard(path)
        if path.parent == self._spool:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("a copy of a file that was to be sent can't be removed: %s", error.strerror)

    async def sweep(self) -> None:
        """Remove what no transfer needs any more: when the program starts. What can't be removed stays."""
        try:
            self._number = await self._writes.write(_numbers_for_a_run)
            self._numbers_left = NUMBERS_OF_A_RUN
        except CopybaraError as error:
            logger.warning("which numbers files have can't be kept: %s", error.sentence)
        await self.tidy()

    async def run(self) -> None:
        """The same again and again, until cancelled: contacts are removed meanwhile, and what waits gets too old."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            await self.tidy()

    async def tidy(self) -> None:
        """Remove each file for which no transfer is kept, but those that this run is at."""
        try:
            parts, copies = await in_thread_to_its_end(self._there)
            # What was there before the transfers were looked at, and isn't theirs, is nobody's.
            kept = self._writes.store.kept_files()
            needed = {part_name(each) for each in kept if not (each.ours or each.done)}
            sources = {each.path for each in kept if each.ours and each.spooled} | self._unkept
            await in_thread_to_its_end(lambda: self._remove(parts - needed, copies - sources))
        except CopybaraError as error:
            logger.warning("what is left of files can't be removed: %s", error.sentence)
        except OSError as error:
            logger.warning("what is left of files can't be removed: %s", error.strerror)  # not which file

    def _there(self) -> tuple[set[str], set[Path]]:
        """The names of all parts, and the paths of all our own copies."""
        return self.folder.parts(), set(self._spool.iterdir()) if self._spool.is_dir() else set()

    def _remove(self, parts: set[str], copies: set[Path]) -> None:
        self.folder.remove_unused_parts(parts)
        for path in copies:
            self.remove_copy(path)
