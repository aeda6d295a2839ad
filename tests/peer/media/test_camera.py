"""A local camera. ffmpeg's test source stands in for it, all the rest is as with one; see test_media_camera_v4l.py."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from av import VideoFrame

from peer.media.endpoints.devices import LocalDevices
from peer.media.picture.camera import LocalCamera, find_camera, picture, video4linux
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.media import Media
from tests.peer.pair import PATIENCE, connected
from tests.programs import need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

BARS = ["-re", "-f", "lavfi", "-i", "smptebars=size=640x480:rate=15"]


@pytest.fixture(autouse=True)
def ffmpeg() -> None:
    """The program that opens cameras."""
    need("ffmpeg", packages="ffmpeg")


async def seen(camera: LocalCamera, count: int) -> list[VideoFrame]:
    track = camera.track()
    async with asyncio.timeout(PATIENCE):
        frames = [await track.recv() for _ in range(count)]
    track.stop()
    assert all(isinstance(frame, VideoFrame) for frame in frames)
    return frames  # type: ignore[return-value]


async def test_the_other_side_sees_what_the_camera_sees() -> None:
    async with asyncio.TaskGroup() as tasks:
        async with connected() as legs:
            camera = LocalCamera(BARS, 320, 240, 15)
            await camera.open(tasks)
            pictures = await legs.callee.receive("video")
            await legs.caller.send(camera.track())
            async with asyncio.timeout(PATIENCE):
                frame = await pictures.recv()
            await camera.close()
        assert isinstance(frame, VideoFrame)
        assert (frame.width, frame.height) == (320, 240)
        # The first and the last of the seven bars at three quarters of full brightness: grey and blue.
        luma = bytes(frame.reformat(format="yuv420p").planes[0])
        assert luma[10 * frame.planes[0].line_size + 10] == pytest.approx(180, abs=8)
        assert luma[10 * frame.planes[0].line_size + 310] == pytest.approx(35, abs=8)


@pytest.mark.parametrize(("limits", "size"), [((640, 480), (640, 480)), ((100, 480), (100, 74)), ((64, 64), (64, 48))])
async def test_pictures_fit_the_call_in_real_time(limits: tuple[int, int], size: tuple[int, int]) -> None:
    async with asyncio.TaskGroup() as tasks:
        camera = LocalCamera(BARS, *limits, 15)
        await camera.open(tasks)
        start = asyncio.get_running_loop().time()
        frames = await seen(camera, 16)
        took = asyncio.get_running_loop().time() - start
        await camera.close()
        assert {(frame.width, frame.height) for frame in frames} == {size}
        assert took > 0.7
        times = [frame.time for frame in frames]
        assert times == sorted(times)


async def test_who_looks_late_sees_what_is_there_now_and_not_what_was() -> None:
    async with asyncio.TaskGroup() as tasks:
        camera = LocalCamera(BARS, 64, 64, 15)
        await camera.open(tasks)
        track = camera.track()
        first = await track.recv()
        # Fifteen pictures pass that nobody takes.
        await seen(camera, 15)
        track = camera.track()
        later = await track.recv()
        assert isinstance(first, VideoFrame)
        assert isinstance(later, VideoFrame)
        assert later.time - first.time > 0.8
        await camera.close()


async def test_a_camera_that_goes_and_comes_back_is_seen_again(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.TaskGroup() as tasks:
        camera = LocalCamera(BARS, 64, 64, 15)
        await camera.open(tasks)
        await seen(camera, 2)
        assert camera._process is not None
        os.kill(camera._process.pid, signal.SIGKILL)
        await seen(camera, 30)
        await camera.close()
        assert "the camera has gone" in caplog.text


async def test_a_closed_camera_leaves_nothing_running() -> None:
    async with asyncio.TaskGroup() as tasks:
        before = asyncio.all_tasks()
        camera = LocalCamera(BARS, 64, 64, 15)
        await camera.open(tasks)
        process = camera._process
        assert process is not None
        await camera.close()
        await camera.close()
        assert process.returncode is not None
        assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("/dev/video-that-is-not-there", "No such file or directory", "plugged in"),
        ("/dev/null", "Inappropriate ioctl for device", "That isn't a camera"),
        ("/", "Is a directory", "`camera` under [devices]"),
    ],
)
async def test_a_camera_that_cannot_be_opened_is_an_error_that_says_why(name: str, said: str, hint: str) -> None:
    async with connected() as legs:
        devices = LocalDevices(Devices(camera=name))
        with pytest.raises(MediaError) as raised:
            await devices.attach(legs.caller, Media.VIDEO, legs.tasks)
        assert raised.value.sentence == f"The camera gives no picture: {name}: {said}."
        assert hint in raised.value.hint
        await devices.detach()


async def test_a_camera_that_belongs_to_others_is_an_error_that_says_how_to_get_it() -> None:
    async with asyncio.TaskGroup() as tasks:
        with reachable_folder() as folder:
            device = folder / "video0"
            device.touch(mode=0o000)
            with ordinary_user():
                camera = LocalCamera(video4linux(str(device), 64, 64, 15), 64, 64, 15)
                with pytest.raises(MediaError, match="Permission denied") as raised:
                    await camera.open(tasks)
                assert "group" in raised.value.hint


async def test_without_ffmpeg_there_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asyncio.TaskGroup() as tasks:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(MediaError, match="ffmpeg can't be started") as raised:
            await LocalCamera(BARS, 64, 64, 15).open(tasks)
        assert "Install ffmpeg" in raised.value.hint


def test_a_camera_is_chosen_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_camera("none") is None
    assert find_camera("/dev/video7") == "/dev/video7"
    for name in ("video10", "video2", "video-old", "videox"):
        (tmp_path / name).touch()
    assert find_camera("auto", tmp_path) == str(tmp_path / "video2")
    assert find_camera("auto", tmp_path / "nothing") is None


def test_a_camera_is_opened_as_video4linux() -> None:
    options = video4linux("/dev/video0", 640, 480, 15)
    assert options == ["-f", "v4l2", "-framerate", "15", "-video_size", "640x480", "-i", "/dev/video0"]


@pytest.mark.parametrize(("width", "height"), [(640, 480), (100, 74), (2, 2)])
def test_a_picture_is_made_of_its_planes(width: int, height: int) -> None:
    planes = [
        bytes(n % 251 for n in range(size)) for size in (width * height, width * height // 4, width * height // 4)
    ]
    frame = picture(b"".join(planes), width, height)
    for plane, data in zip(frame.planes, planes, strict=True):
        rows = [bytes(plane)[at : at + plane.width] for at in range(0, plane.buffer_size, plane.line_size)]
        assert b"".join(rows[: plane.height]) == data
