"""Remains of old files are deleted while the program runs, but no file that is in use."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peer.calls.files.folder import PARTS
from peer.calls.files.part_file import PartFile, part_name
from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import FileShelf
from shared.contacts import Contact
from shared.files.records import KEPT_SECONDS, KeptFile
from shared.node_id import NodeId
from shared.store import Store, StoreThread
from shared.store.upkeep import tidy

ANNA, BOB = NodeId(b"a" * 32), NodeId(b"b" * 32)
NOW = 1_800_000_000


@pytest.fixture
async def writes(tmp_path: Path) -> AsyncIterator[StoreThread]:
    with Store(tmp_path / "store.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, created=NOW))
        async with StoreThread(store, clock=lambda: NOW) as thread:
            yield thread


@pytest.fixture
def shelf(tmp_path: Path, writes: StoreThread) -> FileShelf:
    limits = FileLimits(largest=1_000, folder=10_000, free=0)
    return FileShelf(tmp_path / "files", limits, writes, spool=tmp_path / "sending", clock=lambda: NOW)


def kept(number: int, peer: NodeId, *, path: Path | None = None, at: int = NOW) -> KeptFile:
    """A file of the other side that is being sent, or one that we send and that waits as a copy at `path`."""
    return KeptFile(
        peer=peer,
        ours=path is not None,
        digest=number.to_bytes(32),
        size=3,
        name=f"{number}.txt",
        source=str(path or ""),
        spooled=path is not None,
        at=at,
    )


def copied(shelf: FileShelf) -> Path:
    """Make a complete copy."""
    path, promise = shelf.spool(3)
    shelf.room.give_back(promise)
    os.close(promise.descriptor)
    return path


def test_a_clock_that_was_ahead_and_is_set_back_has_no_message_refused(tmp_path: Path, writes: StoreThread) -> None:
    times = iter([NOW + 365 * 86_400, NOW])
    limits = FileLimits(largest=1_000, folder=10_000, free=0)
    shelf = FileShelf(tmp_path / "files", limits, writes, clock=lambda: next(times, NOW))
    assert [shelf.takes_message(ANNA) for _ in range(9)] == [True] * 8 + [False]


async def test_what_waits_for_a_contact_goes_with_them_and_what_waits_too_long_with_time(
    shelf: FileShelf, writes: StoreThread, tmp_path: Path
) -> None:
    parts = tmp_path / "files" / PARTS
    for_anna, for_bob, too_old = (copied(shelf) for _ in range(3))
    theirs = kept(1, ANNA)
    PartFile(shelf.folder, theirs).close()
    for each in (
        theirs,
        kept(2, ANNA, path=for_anna),
        kept(3, BOB, path=for_bob),
        kept(4, BOB, path=too_old, at=NOW - KEPT_SECONDS - 1),
    ):
        await shelf.keep(each)
    await shelf.tidy()
    assert all(path.exists() for path in (for_anna, for_bob, too_old, parts / part_name(theirs)))
    await writes.write(lambda store: store.remove_contact("anna"))
    await writes.write(lambda store: tidy(store, NOW))
    await shelf.tidy()
    assert [*for_bob.parent.iterdir()] == [for_bob]
    assert [*parts.iterdir()] == []


async def test_what_the_program_is_at_stays_also_if_nothing_is_kept_of_it(shelf: FileShelf, tmp_path: Path) -> None:
    parts = tmp_path / "files" / PARTS
    arriving, left = (PartFile(shelf.folder, kept(number, ANNA)) for number in (1, 2))
    left.close()
    copy, promise = shelf.spool(3)
    (copy.parent / "left").write_bytes(b"abc")
    await shelf.tidy()
    assert [path.name for path in parts.iterdir()] == [part_name(kept(1, ANNA))]
    assert [*copy.parent.iterdir()] == [copy]
    arriving.close()
    os.close(promise.descriptor)
    shelf.remove_copy(copy)
    await shelf.tidy()
    assert [*parts.iterdir(), *copy.parent.iterdir()] == []


async def test_a_copy_that_the_disk_keeps_ends_no_call(shelf: FileShelf, caplog: pytest.LogCaptureFixture) -> None:
    path = copied(shelf)
    ours = kept(1, ANNA, path=path)
    await shelf.keep(ours)
    path.unlink()
    path.mkdir()  # can't be unlinked, as on a disk that has become read-only
    await shelf.forget(ours)
    assert "can't be removed" in caplog.text
    assert shelf.kept(ANNA) == []
