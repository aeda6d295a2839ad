from __future__ import annotations

import array
import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest
from av import AudioFrame, VideoFrame

from peer.media import CallContext, make
from peer.media.endpoints.answering_machine import BEEP, AnsweringMachine
from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder
from peer.media.trouble import MediaTrouble
from peer.transport.leg import Leg
from shared.config.schema import Config, MachineSettings, MediaSettings
from shared.media import Media
from tests.peer.media.pulse_server import frequency
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, SineTrack, hertz, left_channel, sine
from tests.peer.pair import PATIENCE, connected
from tests.programs import need

MESSAGE = 997
GREETING = 600


class Machines:
    """Answering machines with one folder, and their reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "messages"
        self.recorded: list[Path] = []
        self.finished = asyncio.Event()
        self.told: list[MediaTrouble] = []

    def machine(self, greeting: Path | None = None, longest: float = 60.0) -> AnsweringMachine:
        recorder = Recorder(self.folder, "anna", self.recorded.append)
        return AnsweringMachine(recorder, greeting, (640, 480, 15), longest, self.finished.set, self.told.append)


@pytest.fixture
async def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


async def message(leg: Leg, machine: AnsweringMachine, packets: int) -> Path:
    """Wait until this many packets have arrived since the beep."""
    done = asyncio.Event()
    count = 0

    async def look(packet: bytes) -> None:
        nonlocal count
        count += machine._recorder.path is not None
        if count >= packets:
            done.set()

    leg.tap(look)
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    leg.untap(look)
    assert machine._recorder.path is not None
    return machine._recorder.path


def sound_of(path: Path) -> list[AudioFrame]:
    with av.open(str(path), "r") as file:
        return list(file.decode(audio=0))


def probed(path: Path) -> dict[str, Any]:
    """What ffprobe says about a file. Checks that ffprobe has no complaint."""
    need("ffprobe", packages="ffmpeg")
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(path)]
    said = subprocess.run(command, check=True, capture_output=True)
    assert not said.stderr
    return dict(json.loads(said.stdout))


async def test_the_caller_hears_the_greeting_and_the_beep_and_then_is_recorded(
    tmp_path: Path, machines: Machines
) -> None:
    machine = machines.machine(make_wave(tmp_path / "hello.wav", sine(GREETING, SAMPLE_RATE // 2)))
    async with connected() as legs:
        before = asyncio.all_tasks()
        heard = await legs.caller.receive("audio")
        await legs.caller.send(SineTrack(MESSAGE))
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        frames = [await heard.recv() for _ in range(36)]
        path = await message(legs.callee, machine, 50)
        await legs.caller.stop_sending("audio")
        await machine.detach()
        await machine.detach()
        await legs.caller.stop_receiving("audio")
        assert asyncio.all_tasks() <= before
    samples = array.array(
        "h", (round(s) for frame in frames if isinstance(frame, AudioFrame) for s in left_channel(frame))
    )
    assert frequency(samples[9_600:19_200]) == pytest.approx(GREETING, abs=1)
    assert frequency(samples[26_400:33_600]) == pytest.approx(BEEP[0], abs=2)
    assert machines.recorded == [path]
    assert hertz(sound_of(path)[5:]) == pytest.approx(MESSAGE, abs=0.5)
    told = probed(path)
    assert [stream["codec_name"] for stream in told["streams"]] == ["opus"]
    assert float(told["format"]["duration"]) > 0.5


async def test_a_message_may_have_pictures(machines: Machines) -> None:
    machine, pattern = machines.machine(), Pattern(160, 120)
    async with connected() as legs:
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await machine.attach(legs.callee, Media.BOTH, legs.tasks)
        path = await message(legs.callee, machine, 100)
        await pattern.detach()
        await machine.detach()
    with av.open(str(path), "r") as file:
        pictures = [frame for frame in file.decode(video=0) if isinstance(frame, VideoFrame)]
    assert {(picture.width, picture.height) for picture in pictures} == {(160, 120)}
    assert hertz(sound_of(path)[5:]) == pytest.approx(440, abs=0.5)


async def test_a_message_that_is_too_long_ends_the_call(machines: Machines) -> None:
    machine = machines.machine(longest=0.5)
    async with connected() as legs:
        await legs.caller.send(SineTrack(MESSAGE))
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            await machines.finished.wait()
        await machine.detach()
    (path,) = machines.recorded
    assert 0.1 < len(sound_of(path)) * 0.02 < 2.0


async def test_who_hangs_up_before_the_beep_leaves_no_message(tmp_path: Path, machines: Machines) -> None:
    machine = machines.machine(make_wave(tmp_path / "long.wav", sine(GREETING, 10 * SAMPLE_RATE)))
    async with connected() as legs:
        heard = await legs.caller.receive("audio")
        await legs.caller.send(SineTrack(MESSAGE))
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        await heard.recv()
        await machine.detach()
    assert machines.recorded == []
    assert not machines.folder.exists()


async def test_a_greeting_that_cannot_be_played_costs_no_message(
    tmp_path: Path, machines: Machines, caplog: pytest.LogCaptureFixture
) -> None:
    machine = machines.machine(tmp_path / "gone.wav")
    async with connected() as legs:
        await legs.caller.send(SineTrack(MESSAGE))
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        path = await message(legs.callee, machine, 20)
        await machine.detach()
    assert machines.recorded == [path]
    assert "the greeting can't be played: There is no file" in caplog.text
    assert [trouble.sentence[:42] for trouble in machines.told] == ["The greeting can't be played. There is no "]


async def test_a_new_leg_goes_on_where_the_old_one_was_lost(tmp_path: Path, machines: Machines) -> None:
    async with asyncio.TaskGroup() as tasks:
        # A quarter of a second of one tone, then another tone.
        greeting = make_wave(tmp_path / "tones.wav", sine(300, 12_000) + sine(GREETING, SAMPLE_RATE // 2))
        machine = machines.machine(greeting)
        async with connected() as legs:
            heard = await legs.caller.receive("audio")
            await machine.attach(legs.callee, Media.AUDIO, tasks)
            for _ in range(16):
                await heard.recv()
        for number in range(2):
            async with connected() as legs:
                heard = await legs.caller.receive("audio")
                await legs.caller.send(SineTrack(MESSAGE))
                await machine.attach(legs.callee, Media.AUDIO, tasks)
                if not number:
                    frames = [await heard.recv() for _ in range(12)]
                    assert hertz(frame for frame in frames[3:] if isinstance(frame, AudioFrame)) > 500
                await message(legs.callee, machine, 30)
        await machine.detach()
        (path,) = machines.recorded
        assert len(sound_of(path)) > 50
        assert len(list(machines.folder.iterdir())) == 1
        assert not machines.finished.is_set()


async def test_a_disk_that_takes_nothing_ends_the_call(tmp_path: Path, machines: Machines) -> None:
    machines.folder = tmp_path / "file" / "folder"
    (tmp_path / "file").write_text("in the way")
    machine = machines.machine()
    async with connected() as legs:
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            await machines.finished.wait()
        await machine.detach()
    assert machines.recorded == []
    (trouble,) = machines.told
    assert trouble.sentence.startswith("The answering machine can't take a message.")
    assert trouble.hint


async def test_a_machine_is_made_from_the_configuration(tmp_path: Path) -> None:
    config = Config(machine=MachineSettings(longest=1), media=MediaSettings(record_to=str(tmp_path / "here")))
    recorded: list[Path] = []
    ended = asyncio.Event()
    machine = make(
        "answering-machine",
        config,
        recordings=tmp_path / "not here",
        context=CallContext(label="anna", recorded=recorded.append, finished=ended.set),
    )
    async with connected() as legs:
        await legs.caller.send(SineTrack(MESSAGE))
        await machine.attach(legs.callee, Media.AUDIO, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        await machine.detach()
    (path,) = recorded
    assert path.parent == tmp_path / "here"
    assert path.name.endswith("_anna.webm")
