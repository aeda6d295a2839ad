"""How much of an arriving file may wait to be written, and in which pieces it arrives."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import pytest

from peer.calls.files.arriving import MAX_QUEUED, MAX_STRAY, MAX_WAITING_PIECES, ArrivingFiles
from peer.calls.files.entry import FileEntry
from peer.calls.files.folder import PARTS, FilesFolder
from peer.calls.files.frames import MAX_PIECE, Piece
from peer.calls.files.part_file import PartFile, part_name
from peer.calls.files.processor import SHARE, wanted
from peer.calls.files.room import DiskRoom, FileLimits
from peer.calls.files.shelf import FileShelf
from peer.calls.files.transfer import Transfer
from shared.errors import RemoteProtocolError
from shared.files.records import KeptFile
from shared.files.table import FileState
from shared.messages import FileOutcome
from shared.node_id import NodeId

DIGEST = b"d" * 32
LARGE = 200_000_000
SIZE = 1_000 * MAX_PIECE + 1


async def nothing(*_: object) -> None:
    """Does no work, so arriving data waits."""


async def ended(entry: FileEntry, outcome: FileOutcome, why: str, path: Path | None) -> None:
    """See `nothing`."""


def running() -> tuple[ArrivingFiles, FileEntry]:
    kept = KeptFile(peer=NodeId(b"p" * 32), ours=False, digest=DIGEST, size=SIZE, name="a", at=0)
    entry = FileEntry(kept, Transfer(1, False, "a", SIZE, FileState.RUNNING))
    arriving = ArrivingFiles(None, accept=nothing, acknowledge=lambda *_: None, ended=ended, busy=lambda _: None)  # type: ignore[arg-type]
    return arriving, entry


class Shelf(NamedTuple):
    """What is needed of one here."""

    folder: FilesFolder


def is_locked(path: Path) -> bool:
    """Look it up in the kernel's list (proc_locks(5)). To try would be to hold the lock for a moment."""
    number = path.stat().st_ino
    return any(line.split()[-3].endswith(f":{number}") for line in Path("/proc/locks").read_text().splitlines())


def test_whole_pieces_wait_up_to_a_number_of_bytes() -> None:
    arriving, entry = running()
    for number in range(MAX_QUEUED // MAX_PIECE):
        arriving.put(entry, Piece(DIGEST, number * MAX_PIECE, bytes(MAX_PIECE)))
    with pytest.raises(RemoteProtocolError):
        arriving.put(entry, Piece(DIGEST, 0, bytes(MAX_PIECE)))


def test_a_smaller_piece_comes_only_where_the_file_ends_and_not_without_end() -> None:
    arriving, entry = running()
    with pytest.raises(RemoteProtocolError):
        arriving.put(entry, Piece(DIGEST, 0, bytes(MAX_PIECE - 1)))
    for _ in range(MAX_WAITING_PIECES):
        arriving.put(entry, Piece(DIGEST, SIZE - 1, b"x"))
    with pytest.raises(RemoteProtocolError):
        arriving.put(entry, Piece(DIGEST, SIZE - 1, b"x"))


def test_crumbs_that_nobody_wants_count_as_whole_pieces() -> None:
    arriving, _ = running()
    for _ in range(MAX_STRAY // MAX_PIECE):
        arriving.put(None, Piece(DIGEST, 0, b"x"))
    with pytest.raises(RemoteProtocolError):
        arriving.put(None, Piece(DIGEST, 0, b"x"))


async def test_a_part_that_is_opened_as_the_call_ends_is_free_for_the_next_call(tmp_path: Path) -> None:
    """Until the program ends it would be taken by nobody, and what is offered again would be refused."""
    _, entry = running()
    entry.kept = msgspec.structs.replace(entry.kept, size=LARGE)
    folder = FilesFolder(tmp_path / "files", DiskRoom(FileLimits(largest=LARGE, folder=LARGE, free=0)))
    PartFile(folder, entry.kept).close()
    part = tmp_path / "files" / PARTS / part_name(entry.kept)
    os.truncate(part, LARGE - 1)  # so much is read when it is opened
    arriving = ArrivingFiles(
        cast(FileShelf, Shelf(folder)), accept=nothing, acknowledge=lambda *_: None, ended=ended, busy=lambda _: None
    )
    arriving.take(entry)
    task = asyncio.create_task(arriving.run())
    while not is_locked(part):  # noqa: ASYNC110 -- nobody tells that a file is locked
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert entry.part is None, "it was still being opened"
    assert not is_locked(part)


async def test_a_part_that_ends_as_the_call_does_is_free_for_the_next_call_and_its_room_for_other_files(
    tmp_path: Path,
) -> None:
    """Otherwise somebody could take a file back, hang up, and keep that room until our program ends."""
    _, entry = running()
    folder = FilesFolder(tmp_path / "files", DiskRoom(FileLimits(largest=SIZE, folder=SIZE, free=0)))
    entry.part = PartFile(folder, entry.kept)
    entry.part.promise()
    part = tmp_path / "files" / PARTS / part_name(entry.kept)
    arriving = ArrivingFiles(
        cast(FileShelf, Shelf(folder)), accept=nothing, acknowledge=lambda *_: None, ended=ended, busy=lambda _: None
    )
    arriving.put(entry, Piece(DIGEST, 0, bytes(MAX_PIECE)))
    task = asyncio.create_task(arriving.run())
    await asyncio.sleep(0)  # from here on a thread writes the piece
    arriving.end(entry, finished=False)
    task.cancel()
    await asyncio.wait([task])
    assert not part.exists()
    other = PartFile(folder, msgspec.structs.replace(entry.kept, digest=b"o" * 32))
    other.promise()
    other.close()


async def test_a_receiver_asks_for_no_more_than_leaves_time_for_the_call(tmp_path: Path) -> None:
    """Acknowledging makes as much work here as the data that a sender sends in reply."""
    last, all_taken = 256 * MAX_PIECE, asyncio.Event()

    def acknowledge(_: FileEntry, offset: int) -> None:
        begun = time.thread_time()
        while time.thread_time() < begun + 0.005:
            pass
        if offset == last:
            all_taken.set()

    _, entry = running()
    folder = FilesFolder(tmp_path / "files", DiskRoom(FileLimits(largest=SIZE, folder=SIZE, free=0)))
    part = entry.part = PartFile(folder, entry.kept)
    part.promise()
    arriving = ArrivingFiles(None, accept=nothing, acknowledge=acknowledge, ended=ended, busy=lambda _: None)  # type: ignore[arg-type]
    for offset in range(0, last, MAX_PIECE):
        arriving.put(entry, Piece(DIGEST, offset, bytes(MAX_PIECE)))
    before, began = wanted(), time.monotonic()
    writing = asyncio.create_task(arriving.run())
    await all_taken.wait()
    assert (wanted() - before) / (time.monotonic() - began) < (1 + SHARE) / 2
    writing.cancel()
    await asyncio.wait([writing])
    part.close()
