from __future__ import annotations

import asyncio
import itertools
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from av import AudioFrame, VideoFrame

from peer.media.endpoints.echo import Echo
from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder
from peer.media.endpoints.send_and_receive import SendAndReceive
from peer.media.rtp.opus import milliseconds as opus_milliseconds
from peer.transport.leg import Leg
from shared.errors import MediaError
from shared.media import Media
from tests.before_others import before_others
from tests.peer.media.tone import SineTrack, hertz, time_of
from tests.peer.own_namespace import need
from tests.peer.pair import connected


def decoded(path: Path) -> tuple[float, list[AudioFrame], list[VideoFrame]]:
    """The duration that a file states, and all its frames."""
    with av.open(str(path), "r") as file:
        assert file.duration is not None
        sound = list(file.decode(audio=0)) if file.streams.audio else []
        file.seek(0)
        pictures = list(file.decode(video=0)) if file.streams.video else []
        return file.duration / av.time_base, sound, pictures


def recordings(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture(autouse=True)
def before_the_others() -> Iterator[None]:
    """Run these tests first: times in a recording are arrival times, which a busy machine changes."""
    with before_others():
        yield


async def packets(leg: Leg, kind: str, count: int) -> None:
    """Wait until this many more packets of a kind have arrived."""
    counter = leg.counters.audio if kind == "audio" else leg.counters.video
    enough = counter.packets + count
    done = asyncio.Event()

    async def look(packet: bytes) -> None:
        if counter.packets >= enough:
            done.set()

    leg.tap(look)
    await done.wait()
    leg.untap(look)


def test_what_was_recorded_plays_after_the_program_was_killed(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.peer.media.record_until_killed", str(tmp_path)], stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
    (path,) = tmp_path.iterdir()
    duration, sound, pictures = decoded(path)
    assert duration > 1.6, "two seconds had come; the last quarter may be missing"
    assert duration == pytest.approx(max(time_of(sound[-1]) + 0.02, time_of(pictures[-1]) + 1 / 15), abs=0.5)
    # A busy machine may skip some packets before they are sent, but none of the hundred that have arrived.
    assert 100 - 0.25 / 0.02 <= len(sound) <= duration / 0.02 + 5
    assert len(pictures) == pytest.approx(duration * 15, abs=5)
    assert {(picture.width, picture.height) for picture in pictures} == {(640, 480)}
    assert hertz(sound[5:]) == pytest.approx(440, abs=0.5)


async def test_a_finished_recording_has_an_index_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        recorder, pattern = Recorder(tmp_path / "new folder", "Anna B. / ../c"), Pattern(160, 120)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await packets(legs.callee, "audio", 30)
        await pattern.detach()
        await recorder.detach()
        await recorder.detach()
        assert asyncio.all_tasks() <= before
    assert recorder.path is not None
    assert recorder.path.parent == tmp_path / "new folder"
    assert recorder.path.name.endswith("_Anna B c.webm")
    assert stat.S_IMODE(recorder.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(recorder.path.parent.stat().st_mode) == 0o700
    duration, sound, pictures = decoded(recorder.path)
    assert duration > 0.45
    assert len(sound) >= 28
    assert {(picture.width, picture.height) for picture in pictures} == {(160, 120)}
    with av.open(str(recorder.path), "r") as file:
        video = file.streams.video[0]
        file.seek(0, stream=video)
        assert [entry.is_keyframe for entry in video.index_entries] == [True]
        assert (video.codec_context.width, video.codec_context.height) == (160, 120)
        assert file.streams.audio[0].codec_context.extradata is not None


async def test_who_starts_to_record_in_the_middle_gets_pictures_from_a_key_frame_on(tmp_path: Path) -> None:
    async with connected() as legs:
        recorder, pattern = Recorder(tmp_path), Pattern(160, 120, 30)
        await pattern.attach(legs.caller, Media.VIDEO, legs.tasks)
        await packets(legs.callee, "video", 10)
        await recorder.attach(legs.callee, Media.VIDEO, legs.tasks)
        await packets(legs.callee, "video", 20)
        await pattern.detach()
        await recorder.detach()
    assert recorder.path is not None
    with av.open(str(recorder.path), "r") as file:
        assert not file.streams.audio
        first, *others = [packet.is_keyframe for packet in file.demux(video=0) if packet.size]
        assert first
        assert not any(others)


async def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    async with connected() as legs:
        recorder, pattern = Recorder(tmp_path), Pattern(160, 120)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await packets(legs.callee, "audio", 40)
        await pattern.detach()
        await recorder.detach()
    assert recorder.path is not None
    _, sound, pictures = decoded(recorder.path)
    # The pattern sends the first sound and the first picture at once.
    assert pictures[0].time == pytest.approx(sound[0].time, abs=0.15)
    for frames, step in ((sound, 0.02), (pictures, 1 / 15)):
        steps = [after - before for before, after in itertools.pairwise(map(time_of, frames))]
        assert steps == pytest.approx([step] * len(steps), abs=0.002)


async def test_the_next_leg_of_a_call_goes_on_in_the_same_file(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        recorder = Recorder(tmp_path)
        for media in (Media.AUDIO, Media.BOTH):
            async with connected() as legs:
                pattern = Pattern(160, 120)
                await recorder.attach(legs.callee, media, tasks)
                await pattern.attach(legs.caller, media, tasks)
                await packets(legs.callee, "audio", 10)
                await pattern.detach()
        await recorder.detach()
        (path,) = recordings(tmp_path)
        duration, sound, pictures = decoded(path)
        assert len(sound) >= 18
        assert duration > 0.3
        assert all(after > before for before, after in itertools.pairwise(map(time_of, sound)))
        assert not pictures, "the file was begun for sound"


async def test_an_echo_can_be_recorded(tmp_path: Path) -> None:
    async with connected() as legs:
        endpoint, pattern = SendAndReceive(Echo(), recorder := Recorder(tmp_path)), Pattern(160, 120)
        assert endpoint.name == "echo+recorder"
        await endpoint.attach(legs.callee, Media.AUDIO, legs.tasks)
        await pattern.attach(legs.caller, Media.AUDIO, legs.tasks)
        await packets(legs.caller, "audio", 15)
        await pattern.detach()
        await endpoint.detach()
    assert recorder.path is not None
    _, sound, _ = decoded(recorder.path)
    assert len(sound) >= 14


async def test_a_file_that_was_begun_for_more_than_was_agreed_is_begun_again(tmp_path: Path) -> None:
    async with connected() as legs:
        recorder = Recorder(tmp_path)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        await recorder.attach(legs.callee, Media.AUDIO, legs.tasks)
        await legs.caller.send(SineTrack(440))
        await packets(legs.callee, "audio", 5)
        await recorder.detach()
    (path,) = recordings(tmp_path)
    with av.open(str(path), "r") as file:
        assert [stream.type for stream in file.streams] == ["audio"]


async def test_a_full_disk_ends_the_recording_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with connected() as legs:
        recorder, pattern = Recorder(tmp_path), Pattern()
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
            await packets(legs.callee, "audio", 45)
            await pattern.detach()
            await recorder.detach()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "the recording has ended: " in caplog.text
    assert decoded(recordings(tmp_path)[0])[1], "what was there before plays"


async def test_a_call_without_media_leaves_no_file(tmp_path: Path) -> None:
    async with connected() as legs:
        recorder = Recorder(tmp_path)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        assert not recordings(tmp_path), "a kill before anything has come leaves nothing"
        await recorder.detach()
    assert not recordings(tmp_path)


WITHOUT_PROC = ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /proc; exec "$@"', "sh")
"Before a command: it can't give a file a name later."

NAMED_AT_ONCE = """
import asyncio, sys
from pathlib import Path
from peer.media.endpoints.recorder import Recorder
from shared.media import Media
from tests.peer.pair import connected

async def record(folder):
    async with connected() as legs:
        recorder = Recorder(folder)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        assert len([*folder.iterdir()]) == 1
        await recorder.detach()
    assert not [*folder.iterdir()]

asyncio.run(record(Path(sys.argv[1])))
"""


def test_a_call_without_media_leaves_no_file_where_names_cant_wait(tmp_path: Path) -> None:
    need("unshare", "mount")
    command = [*WITHOUT_PROC, sys.executable, "-c", NAMED_AT_ONCE, str(tmp_path)]
    subprocess.run(command, check=True, timeout=100, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


async def test_two_recordings_of_a_second_have_different_names(tmp_path: Path) -> None:
    async with connected() as legs:
        recorders = [Recorder(tmp_path, "same") for _ in range(3)]
        for recorder in recorders:
            await recorder.attach(legs.callee, Media.AUDIO, legs.tasks)
        pattern = Pattern(160, 120)
        await pattern.attach(legs.caller, Media.AUDIO, legs.tasks)
        await packets(legs.callee, "audio", 5)
        await pattern.detach()
        for recorder in recorders:
            await recorder.detach()
        assert {recorder.path for recorder in recorders} == set(recordings(tmp_path))
        assert len(recordings(tmp_path)) == 3


async def test_a_folder_that_cannot_be_written_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with connected() as legs:
        recorder = Recorder(tmp_path / "file" / "folder")
        with pytest.raises(MediaError, match="No recording can be made in"):
            await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        await recorder.detach()


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [(b"\xfc", 20), (b"\xe5\0\0", 5), (b"\x18", 60), (b"\x03\x86", 60), (b"\x79\0", 40), (b"\xe0", 3), (b"\xff", 0)],
)
def test_the_length_of_an_opus_packet_is_in_its_first_bytes(packet: bytes, milliseconds: int) -> None:
    assert opus_milliseconds(packet) == milliseconds
