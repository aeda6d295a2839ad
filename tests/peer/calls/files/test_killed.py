"""kill -9 around the moment in which a file gets its name: it is there once, and not once more after the next call."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import pytest

from peer.calls.files.folder import PARTS
from peer.calls.files.part_file import PartFile, part_name
from peer.calls.files.shelf import FileShelf
from shared.files.table import FileState
from shared.store import Store, StoreThread
from tests.peer.calls.files.calls import KEY, call, written
from tests.peer.calls.files.test_shelf import ANNA, kept
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import LIMITS, Clock, node, over

PROCESSES = multiprocessing.get_context("forkserver")
"Makes nodes that needn't import anything."
PROCESSES.set_forkserver_preload([__name__])

BEGUN, DONE = "c_call", "c_return"
STEPS = {(BEGUN, "link"), (DONE, "link"), (DONE, "execute"), (BEGUN, "unlink"), (DONE, "unlink")}
"Where a process is killed from the moment on in which a file gets its name: functions in C, begun or done."


def die_at(number: int) -> None:
    """Kill this process at that step of any of its threads."""
    steps, begun = iter(range(number, -1, -1)), threading.Event()

    def step(frame: FrameType, event: str, function: object) -> None:
        at = event, getattr(function, "__name__", "")
        if at == (BEGUN, "link"):
            begun.set()
        if at in STEPS and begun.is_set() and next(steps) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(step)
    sys.setprofile(step)


async def delivered(folder: Path, path: Path) -> None:
    """Anna sends Ben the file in a call, unless she has done so in one before; it goes on until it has arrived."""
    network = MemoryNetwork()
    async with node(folder, "anna", network) as anna, node(folder, "ben", network) as ben:
        if not anna.store.contacts():
            ben.knows(anna, key=KEY, files=True)
            anna.knows(ben, key=KEY)
        here, there = await call(anna, ben)
        if not anna.store.kept_files(ben.id):
            await here.files.send(path)
        await here.until(FileState.DONE)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)


async def swept(folder: Path) -> None:
    """What Ben's program does when it starts."""
    with Store(folder / "ben.db") as store:
        async with StoreThread(store, clock=Clock()) as writes:
            await FileShelf(folder / "ben-files", LIMITS, writes, clock=Clock()).sweep()


def deliver(folder: Path, path: Path, number: int) -> None:
    """What a child does, until it is killed at that step."""
    die_at(number)
    asyncio.run(delivered(folder, path))


def after_kill_at(number: int, folder: Path, path: Path) -> int | None:
    child = PROCESSES.Process(target=deliver, args=(folder, path, number))
    child.start()
    child.join()
    return child.exitcode


async def test_a_file_is_there_once_wherever_its_receiver_is_killed(tmp_path: Path) -> None:
    path = written(tmp_path, "cake.txt", 20_000)
    published = 0
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        code = await asyncio.to_thread(after_kill_at, number, folder, path)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        files = folder / "ben-files"
        with Store(folder / "anna.db") as store:
            forgotten = not store.kept_files()
        published += (files / path.name).exists() and any((files / PARTS).iterdir())
        await swept(folder)
        if not forgotten:
            await delivered(folder, path)
        assert [each.name for each in sorted(files.iterdir()) if each.name != PARTS] == [path.name], number
        assert (files / path.name).read_bytes() == path.read_bytes()
        assert [*(files / PARTS).iterdir()] == []
    assert published >= 2, "killed between its name and the record of it"
    assert number > 4


@pytest.mark.parametrize("then", ["moved within the folder", "changed", "removed", "moved elsewhere"])
async def test_what_its_owner_has_done_with_a_file_since_is_left_alone(tmp_path: Path, then: str) -> None:
    with Store(tmp_path / "store.db") as store:
        async with StoreThread(store) as writes:
            shelf = FileShelf(tmp_path / "files", LIMITS, writes, spool=tmp_path / "sending")
            theirs = kept(1, ANNA)
            name = part_name(theirs)
            PartFile(shelf.folder, theirs).close()
            path = shelf.folder.publish(name, theirs.name)  # and here it was killed
            match then:
                case "moved within the folder":
                    path = path.rename(path.with_name("mine.txt"))
                case "changed":
                    path.write_bytes(b"mine")
                case "removed":
                    path.unlink()
                case "moved elsewhere":
                    path = path.rename(tmp_path / "mine.txt")
            in_folder = then in ("moved within the folder", "changed")
            assert shelf.folder.published(name) == (path if in_folder else None)
            before = path.read_bytes() if path.exists() else None
            if not in_folder:
                part = PartFile(shelf.folder, theirs)
                part.promise()
                part.write(b"new")
                part.close()
            shelf.folder.published_is_kept(name)
            assert (path.read_bytes() if path.exists() else None) == before
            assert (tmp_path / "files" / PARTS / name).exists() != in_folder
