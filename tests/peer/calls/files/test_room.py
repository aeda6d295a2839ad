"""Room on the disk for files that are being sent, without a call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peer.calls.files.folder import MOST_FILES, FilesFolder
from peer.calls.files.part_file import PartFile
from peer.calls.files.room import DiskRoom, FileLimits
from shared.errors import FileRefused
from shared.files.records import KeptFile
from shared.node_id import NodeId

HUGE = 1 << 50
"More bytes than any disk has."


def kept(number: int, size: int) -> KeptFile:
    """A file that somebody sends to us."""
    return KeptFile(peer=NodeId(bytes([number]) * 32), ours=False, digest=b"d" * 32, size=size, name="a", at=0)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "any", os.O_RDWR | os.O_CREAT, 0o600)
    yield opened
    os.close(opened)


def test_what_is_promised_to_one_contact_is_not_promised_to_another(tmp_path: Path) -> None:
    folder = FilesFolder(tmp_path / "files", DiskRoom(FileLimits(largest=HUGE, folder=1_000, free=0)))
    first, second = PartFile(folder, kept(1, 600)), PartFile(folder, kept(2, 600))
    first.promise()
    first.write(b"x" * 400)
    with pytest.raises(FileRefused):
        second.promise()
    first.close()  # paused: only the bytes on the disk count
    second.promise()
    again = PartFile(folder, kept(1, 600))
    assert again.written == 400
    with pytest.raises(FileRefused):
        again.promise()
    again.close()
    second.close()


def test_no_number_of_files_without_content_uses_up_what_the_disk_can_name(tmp_path: Path) -> None:
    """Empty files take no bytes, so a contact who may always send could otherwise put any number there."""
    folder = FilesFolder(tmp_path / "files", DiskRoom(FileLimits(largest=HUGE, folder=HUGE, free=0)))
    first, second = PartFile(folder, kept(1, 0)), PartFile(folder, kept(2, 0))
    first.promise()
    for number in range(MOST_FILES):
        (folder.path / str(number)).touch()
    with pytest.raises(FileRefused) as caught:
        second.promise()
    assert f"{MOST_FILES:,} files" in caught.value.sentence
    first.close()
    second.close()


def test_of_the_disk_as_much_as_configured_stays_free_of_all_together(tmp_path: Path, descriptor: int) -> None:
    disk = os.fstatvfs(descriptor)
    third = disk.f_bavail * disk.f_frsize // 3
    room = DiskRoom(FileLimits(largest=HUGE, folder=HUGE, free=third))
    promise = room.promise(descriptor, tmp_path, third + third // 2)
    with pytest.raises(FileRefused):
        room.promise(descriptor, tmp_path, third)
    room.give_back(promise)
    room.give_back(room.promise(descriptor, tmp_path, third))


def test_a_disk_that_others_fill_meanwhile_takes_no_more_of_a_file(tmp_path: Path, descriptor: int) -> None:
    room = DiskRoom(FileLimits(largest=HUGE, folder=HUGE, free=0))
    promise = room.promise(descriptor, tmp_path, 1_000)
    room.check(promise, tmp_path)
    promise.size = HUGE  # as if the disk had shrunk
    with pytest.raises(FileRefused):
        room.check(promise, tmp_path)
