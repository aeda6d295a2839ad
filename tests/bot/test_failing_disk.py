"""A disk that fails during a run, so that the kernel makes it read-only: calls go on, and no stored data is lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import cli, connect, hang_up, people
from tests.bot.disk import FailingDisk, failing_disk, the_doctors_line
from tests.bot.test_full_disk import agreed

READ_ONLY = "its disk is read-only"


@pytest.fixture
def disk(friends: Path, tmp_path: Path) -> Iterator[FailingDisk]:
    """Bob's home on a disk that will fail."""
    with failing_disk(tmp_path / "bob") as disk:
        shutil.copytree(friends / "bob", disk.folder, dirs_exist_ok=True)
        disk.folder.chmod(0o700)
        os.sync()  # the copy wasn't synced as the program does
        yield disk


async def test_a_home_that_becomes_read_only_costs_no_call_and_loses_nothing(friends: Path, disk: FailingDisk) -> None:
    async with people(disk.folder.parent, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        await agreed(bob)
        disk.fail()
        assert READ_ONLY in await bob.asked("/contact trust anna")
        await bob.hears_more()
        anna.write("/hangup")
        assert READ_ONLY in await bob.told("anna", kind=Kind.NOT_KEPT)
        await bob.call("ended", reason="remote-hung-up")
        assert READ_ONLY in await bob.asked("/call anna")
        await bob.asked("/status", kind=Kind.STATUS)
        assert await bob.signalled(signal.SIGTERM) == 0, bob.errors
        disk.mend()
        await bob.begin()
        await bob.told(kind=Kind.REJOINING)  # its end was never stored
        bob.write("/hangup")
        await bob.call("ended")
        await connect(bob, anna)
        await hang_up(bob, anna)


async def test_the_doctor_says_that_the_home_is_read_only(disk: FailingDisk) -> None:
    disk.fail()
    assert os.strerror(errno.EROFS) in await the_doctors_line(disk.folder)


async def test_it_doesnt_start_in_a_home_that_is_read_only_and_says_what_to_do(disk: FailingDisk) -> None:
    disk.fail()
    code, out, err = await cli("--home", str(disk.folder), "run", "--console", "--overlay", "loopback")
    assert code == 1
    assert "Traceback" not in out + err
    assert "Mount the disk for writing" in err
