"""Received files. A page may save them while they are where they were put."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.page import kept_files
from bot.page.kept_files import KeptFiles
from peer.calls.files.transfer import Transfer
from peer.handset.downloads import Downloads
from shared.errors import FileRefused
from shared.files.table import FileState


def transfer(number: int, path: Path, state: FileState = FileState.DONE, *, ours: bool = False) -> Transfer:
    return Transfer(number=number, ours=ours, name=path.name, size=3, state=state, path=path)


def known(*transfers: Transfer) -> tuple[KeptFiles, Downloads]:
    downloads = Downloads(time.monotonic)
    files = KeptFiles(downloads)
    for each in transfers:
        files.look_at(each)
    return files, downloads


def test_a_file_that_has_come_is_saved_as_often_as_its_owner_wants(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    files, downloads = known(transfer(1, path), transfer(1, path))
    for _ in range(2):
        opened = downloads.open(files.address(1))
        assert opened is not None
        with opened:
            assert opened.read() == b"abc"


def test_what_we_send_and_what_has_not_come_is_never_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    files, _ = known(transfer(1, path, ours=True), transfer(2, path, FileState.RUNNING))
    for number in (1, 2, 3):
        with pytest.raises(FileRefused, match="That file isn't there any more"):
            files.address(number)


def test_a_recording_is_saved_by_a_number_of_its_own(tmp_path: Path) -> None:
    came, made = tmp_path / "a.txt", tmp_path / "call.webm"
    came.write_bytes(b"came")
    made.write_bytes(b"made")
    files, downloads = known(transfer(1, came))
    number = files.recorded(made)
    assert downloads.find(files.address(number, recording=True)) == made
    assert downloads.find(files.address(1)) == came
    with pytest.raises(FileRefused, match="That file isn't there any more"):
        files.address(number + 1, recording=True)
    made.unlink()
    with pytest.raises(FileRefused, match=r"call.webm isn't there any more"):
        files.address(number, recording=True)


@pytest.mark.parametrize("becomes", [None, b"another"])
def test_a_file_that_is_gone_or_has_given_its_name_to_another_is_said_to_be_gone(
    tmp_path: Path, becomes: bytes | None
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"from bob")
    files, _ = known(transfer(1, path))
    path.unlink()
    if becomes is not None:
        path.write_bytes(becomes)
        # A newer file of another call has that name too.
        files.look_at(transfer(2, path))
        assert files.address(2)
    with pytest.raises(FileRefused, match=r"photo\.jpg isn't there any more"):
        files.address(1)


def test_only_so_many_are_known_and_the_oldest_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    files, _ = known(*(transfer(number, path) for number in range(kept_files.MOST + 1)))
    assert files.address(kept_files.MOST)
    with pytest.raises(FileRefused):
        files.address(0)
