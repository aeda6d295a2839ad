"""Limits of a recording on disk space and rate, whatever the other side sends. The recording stays playable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder, RecordingFile
from peer.media.recording_limits import BURST, BYTES_PER_SECOND, MEGABYTE, Rate, RecordingLimits
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.trouble import MediaTrouble
from shared.config.schema import MediaSettings
from shared.errors import MediaError
from shared.media import Media
from tests.bot.disk import small_disk
from tests.peer.media.test_recorder import decoded, recordings
from tests.peer.pair import connected
from tests.written_files import until_written

PATIENCE = 60.0


async def ended(
    folder: Path, limits: RecordingLimits, once_it_grows: Callable[[], None] = lambda: None
) -> tuple[MediaTrouble, bool]:
    """What the owner hears of a recording of the pattern that ends before the call, and whether the call continued."""
    said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
    async with connected() as legs:
        recorder, pattern = Recorder(folder, limits=limits, tell=said.put_nowait), Pattern(160, 120)
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await until_written(folder, lambda: bool(recordings(folder)))
        once_it_grows()
        async with asyncio.timeout(PATIENCE):
            trouble = await said.get()
        # The next leg makes no other file.
        await recorder.attach(legs.callee, Media.BOTH, legs.tasks)
        connected_still = legs.callee.connected
        await pattern.detach()
        await recorder.detach()
    assert said.empty()
    return trouble, connected_still


async def test_a_recording_that_is_as_large_as_it_may_be_ends_and_plays_and_the_call_goes_on(tmp_path: Path) -> None:
    trouble, goes_on = await ended(tmp_path, RecordingLimits(recording=20_000, free=0))
    assert goes_on
    assert trouble.sends is None
    assert "the most for one recording" in trouble.sentence
    assert "recording_mb" in trouble.hint
    (path,) = recordings(tmp_path)
    assert 20_000 <= path.stat().st_size < 400_000
    _, sound, pictures = decoded(path)
    assert sound
    assert pictures


async def test_a_disk_that_fills_up_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        folder = disk.folder / "recordings"

        def fills_up() -> None:
            (disk.folder / "another").write_bytes(bytes(3_000_000))

        trouble, goes_on = await ended(folder, RecordingLimits(free=2_000_000), fills_up)
        assert goes_on
        assert "nearly full" in trouble.sentence
        (path,) = recordings(folder)
        assert decoded(path)[1]


async def test_no_recording_begins_in_a_folder_that_holds_as_much_as_it_may_or_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "before.webm").write_bytes(bytes(2_000))
    async with connected() as legs:
        for limits, sentence in (
            (RecordingLimits(folder=2_000, free=0), "the most that they may take together"),
            (RecordingLimits(free=2**60), "The disk is nearly full"),
        ):
            recorder = Recorder(tmp_path, limits=limits)
            with pytest.raises(MediaError, match=sentence):
                await recorder.attach(legs.callee, Media.AUDIO, legs.tasks)
            await recorder.detach()
    assert recordings(tmp_path) == [tmp_path / "before.webm"]


def test_a_hostile_sender_of_650_megabytes_gets_what_the_rate_allows_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "message.webm"
    recording = RecordingFile(path.open("wb"), Media.BOTH)
    picture, seconds, asked = bytes(100_000), 10, 0
    for number in range(6_500):
        frame = EncodedFrame("video", picture, number * 90, number * seconds / 6_500, key=not number % 10)
        asked += not recording.add(frame)
        if recording.due:
            recording.flush()
    recording.close(path)
    assert path.stat().st_size <= BURST + (seconds + 1) * BYTES_PER_SECOND
    assert path.stat().st_size > BURST
    # A whole picture is requested for a picture that was left out, once for each that was begun.
    assert 0 < asked <= 650


def test_the_rate_lets_through_what_is_due_and_a_clock_that_goes_back_gives_nothing() -> None:
    rate = Rate()
    assert rate.take(BURST, 10.0)
    assert not rate.take(1, 10.0)
    assert not rate.take(1, 5.0)
    assert rate.take(BYTES_PER_SECOND, 6.0)
    assert not rate.take(BURST + 1, 10_000.0)


def test_what_could_not_be_written_whole_is_taken_off_the_file(tmp_path: Path) -> None:
    path = tmp_path / "message.webm"
    recording = RecordingFile(path.open("wb"), Media.AUDIO)
    recording.add(EncodedFrame("audio", b"\xfc\xff\xfe", 0, 0.0))
    recording.flush()
    whole = path.stat().st_size

    write = recording._writer._file.raw.write  # type: ignore[attr-defined]
    assert write(b"half a cluster") == 14
    recording._failed = True
    recording.close(path)
    assert path.stat().st_size == whole


def test_the_limits_are_configured_in_megabytes() -> None:
    limits = RecordingLimits.of(MediaSettings(recording_mb=3, recordings_mb=4, recordings_leave_mb=5))
    assert limits == RecordingLimits(3 * MEGABYTE, 4 * MEGABYTE, 5 * MEGABYTE)
    assert RecordingLimits.of(MediaSettings()) == RecordingLimits()
