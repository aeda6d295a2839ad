"""Small disks for a home: one that gets full, and one that the kernel makes read-only because it fails."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bot.home import Home
from tests.bot.console import cli
from tests.peer.own_namespace import need


class SmallDisk:
    """A disk of 4 MiB with a home on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave no room, not even in the database's log."""
        with contextlib.closing(sqlite3.connect(Home(self.folder).database)) as database:
            assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        with open(self.folder / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass

    def make_room(self) -> None:
        """Make room for writing again."""
        (self.folder / "filler").unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount such a disk at a new folder."""
    need("mount")
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


class FailingDisk:
    """A disk of 16 MiB with a home on it, with ext4 as on most computers."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder = folder
        self._image = image

    def mount(self) -> None:
        """Mount it at the home's folder."""
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def fail(self) -> None:
        """Do what the kernel does after a disk error: nothing can be written any more, and open files stay open."""
        _run("mount", "-o", "remount,abort", str(self.folder))

    def mend(self) -> None:
        """Do what its owner does once no program has open files there: check it, and mount it again."""
        _run("umount", str(self.folder))
        checked = subprocess.run(["e2fsck", "-f", "-y", str(self._image)], capture_output=True, timeout=60)
        assert checked.returncode in (0, 1), checked
        self.mount()


@contextlib.contextmanager
def failing_disk(folder: Path) -> Iterator[FailingDisk]:
    """Mount such a disk at a new folder. Its image is beside it."""
    need("mount", "mkfs.ext4", "e2fsck")
    folder.mkdir()
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    _run("mkfs.ext4", "-q", str(image))
    disk = FailingDisk(folder, image)
    disk.mount()
    try:
        yield disk
    finally:
        _run("umount", "--lazy", str(folder))


async def the_doctors_line(folder: Path) -> str:
    """The only fault that `copybara doctor` reports of the home there."""
    code, out, err = await cli("--home", str(folder), "doctor", "--overlay", "loopback")
    assert code == 1
    assert "Traceback" not in out + err
    assert "home" in out.splitlines()[-1]
    (line,) = (line for line in out.splitlines() if line.startswith("FAIL home "))
    return line


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)
