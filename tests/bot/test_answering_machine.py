"""The answering machine between two programs."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import av
import pytest

from bot.kinds import Kind
from tests.bot.console import call_in, connect, hang_up, people, ring
from tests.peer.handset.wire import wire_page
from tests.peer.media.test_answering_machine import probed
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, hertz, sine
from tests.written_files import until_written

TONE = 450
"In hertz. The beep has 1,000."

MACHINE = '[answer]\nendpoint = "pattern"\nmachine_after = 1\n'

PATIENT_SECONDS = 6
PATIENT_MACHINE = MACHINE.replace("machine_after = 1", f"machine_after = {PATIENT_SECONDS}")
"A machine that leaves time to answer, also on a busy computer."


@pytest.fixture
def speaks(tmp_path: Path) -> str:
    """The configuration of a person who sends one tone without end."""
    tone = make_wave(tmp_path / "tone.wav", sine(TONE, SAMPLE_RATE))
    return f'[answer]\nendpoint = "file"\n[media]\nfile = "{tone}"\n'


async def message_of_a_second(folder: Path) -> None:
    """Wait until a second of a message is in this folder. On a busy machine, many packets are lost."""
    await until_written(folder, lambda: _seconds(folder) >= 1)


def _seconds(folder: Path) -> float:
    for path in folder.glob("*.webm"):
        with av.open(str(path), "r") as file:
            return sum(packet.size > 0 for packet in file.demux(audio=0)) * 0.02
    return 0.0


async def test_a_call_that_nobody_answers_is_taken_by_the_machine_and_the_message_plays(
    friends: Path, tmp_path: Path, speaks: str
) -> None:
    configs = {"anna": speaks, "bob": f"{MACHINE}[handset]\nport = 0\n"}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await ring(anna, bob, "audio")
        await bob.told(kind=Kind.TAKES_MESSAGE)
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        await message_of_a_second(bob.home / "recordings")
        # The caller's program shows that the machine records.
        await anna.told("bob is recording this call", kind=Kind.RECORDING_BY_THEM)
        # It doesn't occupy the owner: a call could ring meanwhile.
        assert (await bob.status())["calls"][0]["automatic"] is True
        anna.write("/hangup")
        told = await bob.told("anna", kind=Kind.MESSAGE)
        path = Path(told.removeprefix("A message from anna is in "))
        assert (await bob.call("ended"))["reason"] == "remote-hung-up"
        async with wire_page(bob) as (_, hello):
            assert [each["path"] for each in hello["log"][0]["recorded"]] == [str(path)]
    assert path.parent == bob.home / "recordings"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [stream["codec_name"] for stream in probed(path)["streams"]] == ["opus"]
    with av.open(str(path), "r") as file:
        frames = list(file.decode(audio=0))
    assert len(frames) * 0.02 > 0.7
    assert hertz(frames[5:]) == pytest.approx(TONE, abs=20)


async def test_the_machine_hangs_up_when_the_message_is_too_long(friends: Path, tmp_path: Path, speaks: str) -> None:
    configs = {"anna": speaks, "bob": f"{MACHINE}[machine]\nlongest = 1\n"}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await ring(anna, bob, "audio")
        await bob.told("anna", kind=Kind.MESSAGE)
        assert (await bob.call("ended"))["reason"] == "hung-up"
        assert (await anna.call("ended"))["reason"] == "remote-hung-up"


async def test_a_caller_who_refuses_to_be_recorded_ends_the_message(friends: Path, tmp_path: Path, speaks: str) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": speaks, "bob": MACHINE}) as (anna, bob):
        await ring(anna, bob, "audio")
        await anna.told("bob", kind=Kind.RECORDING_BY_THEM)
        anna.write("/record refuse")
        assert (await bob.call("ended"))["reason"] == "hung-up"
        assert (await anna.call("ended"))["reason"] == "remote-hung-up"


async def test_who_answers_in_time_talks_without_the_machine(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, config=PATIENT_MACHINE) as (anna, bob):
        await connect(anna, bob, "audio")
        await bob.until_status(lambda status: call_in(status)["seconds"] > PATIENT_SECONDS)
        await hang_up(anna, bob)
        assert not any("machine" in said.get("text", "") for said in bob.said)


async def test_the_machine_is_not_in_the_way_of_another_call(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", "carol", homes=friends, config=PATIENT_MACHINE) as (anna, bob, carol):
        await ring(anna, bob, "audio")
        await bob.told(kind=Kind.TAKES_MESSAGE)
        await bob.call("active")
        await connect(carol, bob, "audio")
        assert "anna" in await bob.asked("/call anna", kind="error.in-call")
        calls = {call["with"]: call["automatic"] for call in (await bob.status())["calls"]}
        assert calls == {"anna": True, "carol": False}
        await hang_up(carol, bob)
        # The remaining call is the machine's, and can be ended too.
        bob.write("/hangup")
        await bob.told("anna", kind=Kind.ENDED)


async def test_a_stranger_does_not_get_the_machine(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "dora", "anna", "bob", homes=friends, config=MACHINE) as (dora, anna, bob):
        dora.write(f"/call {bob.node} audio")
        await bob.told(kind=Kind.STRANGER_RINGS)
        # A contact who calls later gets it, and the stranger's call still rings.
        await ring(anna, bob, "audio")
        await bob.told(kind=Kind.TAKES_MESSAGE)
        states = {call["node"]: call["state"] for call in (await bob.status())["calls"]}
        assert states.pop(dora.node) == "ringing"
        assert [*states] == [anna.node]


async def test_recordings_go_along_to_who_wants_them(friends: Path, tmp_path: Path, speaks: str) -> None:
    configs = {"anna": speaks, "bob": f'{MACHINE}[media]\nsend_recordings = true\nrecord_to = "{tmp_path}/kept"\n'}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await ring(anna, bob, "audio")
        await bob.call("active")
        await message_of_a_second(tmp_path / "kept")
        anna.write("/hangup")
        post = await bob.posted("owner", "anna", kind=Kind.MESSAGE)
        assert post["text"].endswith(post["file"])
        assert Path(post["file"]).parent == tmp_path / "kept"
        await bob.call("ended")
