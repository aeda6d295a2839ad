"""Files that a page sends to the program: in pieces, kept until they are offered, and gone if they aren't."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.page.uploads import AT_ONCE, Uploads
from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described, describe
from peer.handset.page import Page
from peer.handset.protocol import SendFile
from shared.errors import FileRefused, HandsetError
from shared.store import Store, StoreThread

LIMITS = FileLimits(largest=1_000, folder=10_000, free=0)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[FileShelf]:
    with Store(tmp_path / "store.db") as store:
        async with StoreThread(store) as thread:
            yield FileShelf(tmp_path / "files", LIMITS, thread, spool=tmp_path / "sending")


def wants(number: int, size: int) -> SendFile:
    """The page's request."""
    return SendFile(id=number, call=1, name="a.bin", size=size)


def piece(number: int, data: bytes) -> bytes:
    """A binary frame of the page."""
    return number.to_bytes(4) + data


async def test_a_file_is_offered_once_all_of_it_is_there(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page = Uploads(shelf), Page()
    offered: list[tuple[bytes, int]] = []

    def note(path: Path) -> None:
        offered.append((path.read_bytes(), path.stat().st_mode & 0o777))

    async def offer(path: Path, described: Described) -> None:
        note(path)
        assert described == describe(path, largest=100)

    await uploads.begin(page, wants(7, 6), offer)
    await uploads.take(page, piece(7, b"abc"))
    assert offered == []
    await uploads.take(page, piece(7, b"def"))
    assert offered == [(b"abcdef", 0o600)]
    await uploads.begin(page, wants(8, 0), offer)
    assert offered[1:] == [(b"", 0o600)]


async def test_a_page_that_sends_more_than_it_said_is_no_page_of_ours(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page = Uploads(shelf), Page()

    async def offer(path: Path, described: Described) -> None:
        raise AssertionError

    await uploads.begin(page, wants(1, 3), offer)
    for data in (piece(1, b"abcd"), b"abc"):
        with pytest.raises(HandsetError):
            await uploads.take(page, data)
    await uploads.take(page, piece(1, b"abc"))  # of a file that is over: skipped
    assert [*(tmp_path / "sending").iterdir()] == []


async def test_what_a_page_has_not_sent_whole_goes_with_it(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page, other = Uploads(shelf), Page(), Page()

    async def offer(path: Path, described: Described) -> None:
        raise AssertionError

    for number in range(AT_ONCE):
        await uploads.begin(page, wants(number, 10), offer)
    with pytest.raises(FileRefused):
        await uploads.begin(page, wants(AT_ONCE, 10), offer)
    await uploads.begin(other, wants(1, 10), offer)
    await uploads.take(page, piece(0, b"abc"))
    await uploads.cancel(page, 1)
    assert len([*(tmp_path / "sending").iterdir()]) == AT_ONCE
    await uploads.left(page)
    assert len([*(tmp_path / "sending").iterdir()]) == 1
    with pytest.raises(FileRefused):
        await uploads.begin(other, wants(2, 1_001), offer)


async def test_a_file_that_cannot_be_offered_leaves_nothing(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page = Uploads(shelf), Page()

    async def offer(path: Path, described: Described) -> None:
        raise FileRefused("They take none.", "")

    await uploads.begin(page, wants(1, 3), offer)
    with pytest.raises(FileRefused):
        await uploads.take(page, piece(1, b"abc"))
    assert [*(tmp_path / "sending").iterdir()] == []
