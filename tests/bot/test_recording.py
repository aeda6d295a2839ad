"""Recordings of calls by real programs: who reads what, and what ffprobe finds in the file, also after a kill."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from pathlib import Path
from typing import Any

from bot.kinds import Kind
from tests.bot.console import SECONDS, Person, connect, people
from tests.bot.test_hold import QUIET_SECONDS
from tests.written_files import until_quiet, until_written

FOUR_TRACKS = ["audio", "video", "audio", "video"]


async def probed(path: Path, *, growing: bool = False) -> dict[str, Any]:
    """ffprobe's report of a file, with the packets of each track counted. A growing file may cause complaints."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert growing or (process.returncode, errors) == (0, b"")
    return dict(json.loads(out))


async def has_frames(path: Path) -> None:
    """Check that a recording has sound and picture of both sides."""
    found = await probed(path)
    assert [stream["codec_type"] for stream in found["streams"]] == FOUR_TRACKS
    assert min(packets(found)) > 0
    assert float(found["format"]["duration"]) > 0


def packets(found: dict[str, Any]) -> list[int]:
    """How many packets each track has. ffprobe omits the count of an empty track."""
    return [int(stream.get("nb_read_packets", 0)) for stream in found.get("streams", ())]


def recordings(person: Person) -> list[Path]:
    folder = person.home / "recordings"
    return sorted(folder.iterdir()) if folder.exists() else []


async def grows(person: Person, files: int, *, beyond: int = 60_000) -> None:
    """Wait until the latest of `files` recordings has grown by `beyond` bytes, and each track has a frame.

    A picture begins with the next key frame, which takes time on a busy machine.
    """

    def long_enough() -> bool:
        return len(recordings(person)) >= files and size(recordings(person)[-1]) >= beyond

    await until_written(person.home / "recordings", long_enough)
    async with asyncio.timeout(SECONDS):
        while 0 in packets(await probed(recordings(person)[-1], growing=True)):
            pass


async def test_a_recording_plays_after_a_kill_and_the_next_one_is_announced_again_until_it_is_refused(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await anna.asked("/record", kind="error.not-recordable")
        await connect(anna, bob)
        await bob.asked("/record refuse", kind="error.nothing-recorded")
        anna.write("/record")
        assert "bob sees that" in await anna.told(kind=Kind.RECORDING_STARTED)
        assert "anna is recording this call" in await bob.told(kind=Kind.RECORDING_BY_THEM)
        (annas,), (bobs,) = [(await person.status())["calls"] for person in (anna, bob)]
        assert (annas["recording"], annas["remote_recording"]) == (True, False)
        assert (bobs["recording"], bobs["remote_recording"]) == (False, True)
        await grows(anna, 1)
        await anna.in_order()
        anna.process.send_signal(signal.SIGKILL)
        assert await anna.gone() == -signal.SIGKILL
        (first,) = recordings(anna)
        assert stat.S_IMODE(first.stat().st_mode) == 0o600
        await has_frames(first)

        await anna.begin()
        await anna.told("bob", kind=Kind.CONNECTED)
        await anna.told(kind=Kind.RECORDING_STARTED)
        await grows(anna, 2)
        code, _, _ = await bob.cli("record", "refuse")
        assert code == 0
        await bob.told("ends its recording", kind=Kind.RECORDING_REFUSED)
        told = await anna.told("bob refused", kind=Kind.RECORDING_REFUSED)
        second = recordings(anna)[-1]
        assert str(second) in told
        await has_frames(second)
        before = size(second)
        anna.write("/record")
        await anna.told("bob has refused recording in this call.", kind=Kind.RECORDING_REFUSED)
        assert (len(recordings(anna)), size(second)) == (2, before)
        (annas,) = (await anna.status())["calls"]
        assert (annas["state"], annas["recording"]) == ("active", False)


def size(recording: Path) -> int:
    """Its size in bytes."""
    return recording.stat().st_size


async def test_a_recording_leaves_out_what_is_on_hold_and_one_that_is_asked_for_then_begins_afterwards(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        await bob.asked("/hold", kind=Kind.ON_HOLD)
        assert "your call with anna is on hold" in await bob.asked("/record", kind="error.not-recordable")
        assert "is off hold" in await bob.asked("/record anna", kind=Kind.RECORDING_ASKED)
        await anna.told("bob is recording this call", kind=Kind.RECORDING_BY_THEM)
        # If it is killed meanwhile, it waits for the same.
        await bob.in_order()
        assert await bob.signalled(signal.SIGKILL) == -signal.SIGKILL
        await bob.begin()
        await bob.told("anna", kind=Kind.CONNECTED)
        assert (await bob.status())["calls"][0]["recording"]
        assert recordings(bob) == []
        await bob.asked("/resume", kind=Kind.OFF_HOLD)
        await bob.told("anna sees that", kind=Kind.RECORDING_STARTED)
        await grows(bob, 1)

        await anna.asked("/hold", kind=Kind.ON_HOLD)
        await bob.told("anna put you on hold", kind=Kind.HELD)
        (recording,) = recordings(bob)
        await until_quiet(recording, QUIET_SECONDS)
        held = size(recording)
        await anna.asked("/resume", kind=Kind.OFF_HOLD)
        await grows(bob, 1, beyond=held + 20_000)
        await bob.asked("/record stop", kind=Kind.RECORDING_STOPPED)
        assert recordings(bob) == [recording]
        await has_frames(recording)
