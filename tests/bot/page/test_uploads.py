"""Files that a page sends to the program in pieces.

They are kept until they are offered, and deleted if they aren't.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.page.uploads import AT_ONCE, MOST_WAITING, Uploads
from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import LAST_NUMBER, FileShelf
from peer.calls.files.source_file import Described, describe
from peer.handset.page import Page
from peer.handset.protocol import Done, FileTaken, FromPage, HangUp, SendFile
from shared.errors import FileRefused, HandsetError
from shared.store import Store, StoreThread
from tests.peer.handset.serving import PATIENCE, Notes, serving

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


class Sent:
    """Records what happens to the files that a page sends."""

    def __init__(self) -> None:
        self.offered: list[tuple[bytes, int]] = []
        "The content of each file, and its mode."

        self.refuses: FileRefused | None = None

    async def ready(self) -> None:
        """Note that files can be offered."""

    async def offer(self, path: Path, described: Described) -> None:
        """Record the offer, or refuse it."""
        if self.refuses is not None:
            raise self.refuses
        # The copy is the program's own, in its own folder.
        assert described == replace(describe(path, largest=LIMITS.largest), owner=None)
        self._note(path)

    def _note(self, path: Path) -> None:
        self.offered.append((path.read_bytes(), path.stat().st_mode & 0o777))


@contextlib.asynccontextmanager
async def sending(
    uploads: Uploads, page: Page, number: int, size: int, sent: Sent
) -> AsyncIterator[asyncio.Task[None]]:
    """A page's request to send a file, once it may send. The request ends before the block does."""
    async with asyncio.TaskGroup() as group:
        receiving = uploads.receive(page, wants(number, size), ready=sent.ready, offer=sent.offer)
        task = group.create_task(receiving)
        async with asyncio.timeout(PATIENCE):
            while await page.next() != Done(id=number):
                pass
        yield task


async def test_a_file_is_offered_once_all_of_it_is_there(shelf: FileShelf) -> None:
    uploads, page, sent = Uploads(shelf), Page(), Sent()
    async with sending(uploads, page, 7, 6, sent):
        uploads.take(page, piece(7, b"abc"))
        async with asyncio.timeout(PATIENCE):
            assert await page.next() == FileTaken(upload=7, bytes=3)
        assert sent.offered == []
        uploads.take(page, piece(7, b"def"))
    assert sent.offered == [(b"abcdef", 0o600)]
    async with sending(uploads, page, 8, 0, sent):
        pass
    assert sent.offered[1:] == [(b"", 0o600)]


async def test_a_page_that_sends_more_than_it_said_is_no_page_of_ours(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page, sent = Uploads(shelf), Page(), Sent()
    async with sending(uploads, page, 1, 3, sent):
        for data in (piece(1, b"abcd"), b"abc"):
            with pytest.raises(HandsetError):
                uploads.take(page, data)
        uploads.take(page, piece(1, b"abc"))  # of a file that is over, so it is skipped
    assert sent.offered == []
    assert [*(tmp_path / "sending").iterdir()] == []


async def test_a_page_that_sends_without_waiting_for_the_disk_is_no_page_of_ours(shelf: FileShelf) -> None:
    uploads, page, sent = Uploads(shelf), Page(), Sent()
    async with sending(uploads, page, 1, MOST_WAITING + 1, sent):
        for _ in range(MOST_WAITING):
            uploads.take(page, piece(1, b"a"))
        with pytest.raises(HandsetError):
            uploads.take(page, piece(1, b"a"))
    assert sent.offered == []


async def test_what_a_page_has_not_sent_whole_goes_with_it(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page, other, sent = Uploads(shelf), Page(), Page(), Sent()
    async with contextlib.AsyncExitStack() as others, contextlib.AsyncExitStack() as stack:
        tasks = [await stack.enter_async_context(sending(uploads, page, each, 10, sent)) for each in range(AT_ONCE)]
        with pytest.raises(FileRefused):
            await uploads.receive(page, wants(AT_ONCE, 10), ready=sent.ready, offer=sent.offer)
        await others.enter_async_context(sending(uploads, other, 1, 10, sent))
        uploads.take(page, piece(0, b"abc"))
        uploads.take(page, piece(2, b"0123456789"))  # whole, if it isn't written yet
        uploads.cancel(page, 1)
        async with asyncio.timeout(PATIENCE):
            await tasks[1]
        uploads.left(page)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        assert [content for content, _ in sent.offered] == [b"0123456789"]
        assert len([*(tmp_path / "sending").iterdir()]) == 2  # the offered file, and the other page's file
        with pytest.raises(FileRefused):
            await uploads.receive(other, wants(2, 1_001), ready=sent.ready, offer=sent.offer)
        uploads.left(other)


async def test_a_file_that_cannot_be_offered_leaves_nothing(tmp_path: Path, shelf: FileShelf) -> None:
    uploads, page, sent = Uploads(shelf), Page(), Sent()
    sent.refuses = FileRefused("They take none.", "")
    with pytest.RaisesGroup(FileRefused):
        async with sending(uploads, page, 1, 3, sent):
            uploads.take(page, piece(1, b"abc"))
    assert [*(tmp_path / "sending").iterdir()] == []


async def test_a_file_has_no_number_that_one_of_an_earlier_run_had(tmp_path: Path) -> None:
    given: set[int] = set()
    with Store(tmp_path / "store.db") as store:
        async with StoreThread(store) as thread:
            for _ in range(12):
                shelf = FileShelf(tmp_path / "files", LIMITS, thread)
                await shelf.sweep()
                numbers = {shelf.next_number() for _ in range(100)}
                assert not numbers & given
                assert min(numbers) > 0
                assert max(numbers) <= LAST_NUMBER
                given = numbers


async def test_a_run_that_gives_very_many_numbers_leaves_none_of_them_to_the_next(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        async with StoreThread(store) as thread:
            first, second = (FileShelf(tmp_path / "files", LIMITS, thread) for _ in range(2))
            await first.sweep()
            given = set()
            for _ in range(2_500):
                given.add(first.next_number())
                await first.see_to_numbers()
            await second.sweep()
            assert not given & {second.next_number() for _ in range(900)}


class Sending(Notes):
    """Takes files as the program does, but the code that offers them waits."""

    def __init__(self, shelf: FileShelf) -> None:
        super().__init__()
        self.uploads = Uploads(shelf)
        self.offering, self.goes_on, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def heard(self, page: Page, message: FromPage) -> None:
        """See Listener."""
        if isinstance(message, SendFile):
            await self.uploads.receive(page, message, ready=Sent().ready, offer=self._offer)
        else:
            await super().heard(page, message)

    def took(self, page: Page, data: bytes) -> None:
        """See Listener."""
        self.uploads.take(page, data)

    def left(self, page: Page) -> None:
        """See Listener."""
        self.uploads.left(page)

    async def _offer(self, path: Path, described: Described) -> None:
        self.offering.set()
        await self.goes_on.wait()
        self.done.set()


async def test_a_page_is_heard_while_a_file_of_its_is_offered(tmp_path: Path, shelf: FileShelf) -> None:
    notes = Sending(shelf)
    async with serving(tmp_path, notes) as served, asyncio.timeout(PATIENCE):
        async with served.page() as sock:
            await sock.send_json({"type": "send-file", "id": 1, "call": 1, "name": "a.bin", "size": 3})
            assert (await sock.receive_json())["type"] == "done"
            await sock.send_bytes(piece(1, b"abc"))
            await notes.offering.wait()
            await sock.send_json({"type": "hang-up", "call": 7})
            assert isinstance(await notes.heard_messages.get(), HangUp)
        assert not notes.done.is_set()
        # The file is complete, so it is offered even if the page is gone.
        notes.goes_on.set()
        await notes.done.wait()


async def test_a_file_that_is_too_large_is_refused_with_how_large_one_may_be(tmp_path: Path) -> None:
    limits = FileLimits(largest=4_000_000, folder=10_000_000, free=0)
    with Store(tmp_path / "store.db") as store:
        async with StoreThread(store) as thread:
            shelf = FileShelf(tmp_path / "files", limits, thread, spool=tmp_path / "sending")
            uploads, page, sent = Uploads(shelf), Page(), Sent()
            with pytest.raises(FileRefused, match=r"^a\.bin has 5 MB, and at most 4 MB can be sent") as refused:
                await uploads.receive(page, wants(1, 4_000_001), ready=sent.ready, offer=sent.offer)
            assert "`largest_mb`" in refused.value.hint
