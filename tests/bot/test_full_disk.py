"""A disk that gets full while the program runs: it says so once, other calls go on, and with room all works again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.kinds import Kind
from shared.store import Store
from shared.store.files import MAKE_ROOM
from tests.bot.console import Person, cli, connect, hang_up, people, ring
from tests.bot.disk import SmallDisk, small_disk, the_doctors_line
from tests.bot.test_files import accepting, written
from tests.bot.test_recording import grows, has_frames, recordings
from tests.written_files import until_written

FULL = "the disk is full"


@pytest.fixture
def disk(friends: Path, tmp_path: Path) -> Iterator[SmallDisk]:
    """Bob's home on a small disk."""
    with small_disk(tmp_path / "bob") as disk:
        shutil.copytree(friends / "bob", disk.folder, dirs_exist_ok=True)
        yield disk


@contextlib.asynccontextmanager
async def everybody(friends: Path, disk: SmallDisk) -> AsyncIterator[list[Person]]:
    """Anna, bob and carol. Bob's disk may be full."""
    leave = "[media]\nrecordings_leave_mb = 0\n[files]\nleave_mb = 0\n"
    config = {"bob": f"[calls]\nat_once = 2\n{leave}"}
    async with people(disk.folder.parent, "anna", "bob", "carol", homes=friends, configs=config) as three:
        yield three


async def agreed(person: Person) -> None:
    """Wait until a call's new pair secret is stored. After that, nothing is written for a while."""
    await person.until(lambda said: said["type"] == "call" and said["phrase"] is not None)


async def logged(store: Store, peer: Person) -> None:
    """Wait until the end of a call is in the log."""
    await until_written(store.path.parent, lambda: peer.id in [record.peer for record in store.call_log(1)])


def told(person: Person, kind: Kind) -> list[str]:
    return [line["text"] for line in person.said if line.get("kind") == kind]


async def test_a_call_that_ends_while_the_disk_is_full_is_told_once_costs_no_other_and_is_logged_later(
    friends: Path, disk: SmallDisk
) -> None:
    async with everybody(friends, disk) as (anna, bob, carol):
        for caller in (anna, carol):
            await connect(caller, bob)
            await caller.media()
        with bob.store() as store:
            disk.fill()
            anna.write("/hangup")
            sentence = await bob.told("anna", kind=Kind.NOT_KEPT)
            assert FULL in sentence
            await bob.call("ended", reason="remote-hung-up")
            await carol.hears_more()
            await bob.asked("/status", kind=Kind.STATUS)
            assert anna.id not in [record.peer for record in store.call_log(1)]
            disk.make_room()
            await logged(store, anna)
            await hang_up(carol, bob)
            await logged(store, carol)
        assert [text for text in told(bob, Kind.NOT_KEPT) if "anna" in text] == [sentence]


async def test_what_the_owner_wants_while_the_disk_is_full_gets_a_sentence_and_works_later(
    friends: Path, disk: SmallDisk
) -> None:
    async with everybody(friends, disk) as (anna, bob, _):
        disk.fill()
        for command in ("/call anna", "/contact trust anna"):
            assert FULL in await bob.asked(command), command
            await bob.in_order()
        assert not (await bob.status())["calls"]
        disk.make_room()
        await connect(bob, anna)
        await hang_up(bob, anna)


async def test_a_call_that_comes_while_the_disk_is_full_gets_a_sentence_and_comes_later(
    friends: Path, disk: SmallDisk
) -> None:
    async with everybody(friends, disk) as (anna, bob, _):
        disk.fill()
        anna.write("/call bob")
        await anna.posted("chat")
        assert FULL in await bob.told()
        assert not (await bob.status())["calls"]
        disk.make_room()
        anna.write("/hangup")
        await anna.call("ended")
        await ring(anna, bob)
        bob.write("/answer")
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(anna, bob)


async def test_a_recording_on_a_disk_that_fills_ends_with_a_sentence_and_the_call_goes_on(
    friends: Path, disk: SmallDisk
) -> None:
    async with everybody(friends, disk) as (anna, bob, _):
        await connect(anna, bob)
        await agreed(bob)
        bob.write("/record anna")
        await bob.told(kind=Kind.RECORDING_STARTED)
        await grows(bob, 1, beyond=20_000)
        disk.fill()
        assert os.strerror(errno.ENOSPC) in await bob.told(kind=Kind.RECORDING_FAILED)
        await anna.told(kind=Kind.RECORDING_BY_THEM_OVER)
        await bob.hears_more()
        await bob.asked("/status", kind=Kind.STATUS)
        disk.make_room()
        await has_frames(recordings(bob)[0])
        assert len(told(bob, Kind.RECORDING_FAILED)) == 1
        bob.write("/record anna")
        await bob.told(kind=Kind.RECORDING_STARTED)
        await grows(bob, 2, beyond=20_000)
        await hang_up(anna, bob)
        await has_frames(recordings(bob)[1])


async def test_a_file_for_which_there_is_no_room_gets_a_sentence_on_both_sides_and_comes_when_there_is(
    friends: Path, disk: SmallDisk
) -> None:
    path = written(disk.folder.parent, "a.bin", 1_500_000)
    async with everybody(friends, disk) as (anna, bob, _):
        await connect(anna, bob)
        await agreed(bob)
        await anna.asked(f"/send bob: {path}", kind=Kind.FILE_OFFERING)
        accept = accepting(await bob.told(kind=Kind.FILE_OFFERED))
        disk.fill()
        assert "There is no room for it" in await bob.asked(accept, kind=Kind.FILE_FAILED)
        await anna.told(kind=Kind.FILE_FAILED)
        await bob.hears_more()
        disk.make_room()
        await anna.asked(f"/send bob: {path}", kind=Kind.FILE_OFFERING)
        bob.write(accepting(await bob.told(kind=Kind.FILE_OFFERED)))
        await bob.told(kind=Kind.FILE_RECEIVED)
        assert (bob.home / "files" / "a.bin").read_bytes() == path.read_bytes()
        assert len(told(bob, Kind.FILE_FAILED)) == 1
        await hang_up(anna, bob)


async def test_the_doctor_says_that_the_disk_is_full(disk: SmallDisk) -> None:
    disk.fill()
    assert FULL in await the_doctors_line(disk.folder)


async def test_a_start_on_a_full_disk_says_what_to_do(disk: SmallDisk) -> None:
    disk.fill()
    code, out, err = await cli("--home", str(disk.folder), "run", "--console", "--overlay", "loopback")
    assert code == 1, (out, err)
    assert "Traceback" not in out + err
    assert MAKE_ROOM in err
