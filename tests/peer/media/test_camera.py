"""A local camera, tested with ffmpeg's test source in its place. test_camera_v4l.py uses a real driver."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from av import VideoFrame

from peer.media.endpoints.devices import LocalDevices
from peer.media.picture.camera import CameraProgram, LocalCamera, cameras, found, picture, video4linux
from peer.media.trouble import MediaTrouble
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.media import Media
from tests.peer.pair import connected
from tests.programs import need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

PATIENCE = 60.0

BARS = ["-re", "-f", "lavfi", "-i", "smptebars=size=640x480:rate=15"]


@pytest.fixture(autouse=True)
def ffmpeg() -> None:
    """Skip the tests if the program that opens cameras is missing."""
    need("ffmpeg", packages="ffmpeg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of devices with one camera in it."""
    folder = tmp_path / "dev"
    folder.mkdir()
    (folder / "video0").touch()
    return folder


def bars(device: str, width: int, height: int, rate: int) -> list[str]:
    """ffmpeg's options for bars. They end when the device file disappears, as with a real camera."""
    return BARS if Path(device).exists() else ["-f", "v4l2", "-i", device]


def camera_in(
    folder: Path,
    width: int,
    height: int,
    *,
    name: str = "auto",
    tell: Callable[[MediaTrouble], None] = lambda trouble: None,
) -> LocalCamera:
    return LocalCamera(name, width, height, 15, tell, folder=folder, source=bars)


async def program(camera: LocalCamera) -> asyncio.subprocess.Process:
    """The ffmpeg that reads the camera."""
    async with asyncio.timeout(PATIENCE):
        process = (await camera.device.get())._process
    assert process is not None
    return process


async def seen(camera: LocalCamera, count: int) -> list[VideoFrame]:
    track = camera.track()
    async with asyncio.timeout(PATIENCE):
        frames = [await track.recv() for _ in range(count)]
    track.stop()
    assert all(isinstance(frame, VideoFrame) for frame in frames)
    return frames  # type: ignore[return-value]


async def test_the_other_side_sees_what_the_camera_sees(folder: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        async with connected() as legs:
            camera = camera_in(folder, 320, 240)
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
async def test_pictures_fit_the_call_in_real_time(folder: Path, limits: tuple[int, int], size: tuple[int, int]) -> None:
    async with asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, *limits)
        await camera.open(tasks)
        start = asyncio.get_running_loop().time()
        frames = await seen(camera, 16)
        took = asyncio.get_running_loop().time() - start
        await camera.close()
        assert {(frame.width, frame.height) for frame in frames} == {size}
        assert took > 0.7
        times = [frame.time for frame in frames]
        assert times == sorted(times)


async def test_who_looks_late_sees_what_is_there_now_and_not_what_was(folder: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64)
        await camera.open(tasks)
        track = camera.track()
        first = await track.recv()
        # Fifteen pictures pass, and nobody takes them.
        await seen(camera, 15)
        track = camera.track()
        later = await track.recv()
        assert isinstance(first, VideoFrame)
        assert isinstance(later, VideoFrame)
        assert later.time - first.time > 0.8
        await camera.close()


async def test_a_camera_whose_program_ends_is_opened_again_and_nobody_hears_of_it(folder: Path) -> None:
    said: list[MediaTrouble] = []
    async with asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64, tell=said.append)
        await camera.open(tasks)
        await seen(camera, 2)
        first = await program(camera)
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        await seen(camera, 30)
        assert (await program(camera)).pid != first.pid
        await camera.close()
    assert said == []


async def test_a_camera_that_gives_no_picture_any_more_is_opened_again(folder: Path) -> None:
    said: list[MediaTrouble] = []
    async with asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64, tell=said.append)
        await camera.open(tasks)
        await seen(camera, 2)
        first = await program(camera)
        os.kill(first.pid, signal.SIGSTOP)  # what it has read ahead still arrives
        await asyncio.wait_for(first.wait(), PATIENCE)
        await seen(camera, 2)
        assert (await program(camera)).pid != first.pid
        await camera.close()
    assert said == []


async def pull_out(folder: Path, name: str, camera: LocalCamera) -> None:
    """Take a camera away as the kernel does: its file disappears, and its reader gets an error."""
    process = await program(camera)
    (folder / name).unlink()
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)


async def test_a_camera_that_goes_gives_way_to_the_next_one_until_it_is_back(folder: Path) -> None:
    said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
    (folder / "video7").touch()
    wanted, other = str(folder / "video7"), str(folder / "video0")
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64, name=wanted, tell=said.put_nowait)
        await camera.open(tasks)
        await pull_out(folder, "video7", camera)
        assert (await said.get()).sentence == f"Your camera {wanted} is gone. Using {other} instead."
        await seen(camera, 2)
        # No program ends here. The camera's return shows in its folder.
        (folder / "video7").touch()
        assert (await said.get()).sentence == f"Your camera {wanted} is back."
        await seen(camera, 2)
        await camera.close()
    assert said.empty()


async def test_without_another_camera_the_picture_is_black_until_it_is_back(folder: Path) -> None:
    said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
    device = str(folder / "video0")
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64, tell=said.put_nowait)
        await camera.open(tasks)
        (frame,) = await seen(camera, 1)
        assert max(bytes(frame.planes[0])) > 100
        await pull_out(folder, "video0", camera)
        assert (await said.get()).sentence == f"Your camera {device} is gone. They can't see you."
        track = camera.track()
        while max(bytes(frame.planes[0])) > 16:
            frame = await track.recv()  # type: ignore[assignment]
        (folder / "video0").touch()
        assert (await said.get()).sentence == f"Your camera {device} is back."
        while max(bytes(frame.planes[0])) < 100:
            frame = await track.recv()  # type: ignore[assignment]
        await camera.close()
    assert said.empty()


async def test_a_machine_without_a_camera_says_so_and_takes_the_one_that_is_plugged_in(folder: Path) -> None:
    said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
    (folder / "video0").unlink()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        camera = camera_in(folder, 64, 64, tell=said.put_nowait)
        await camera.open(tasks)
        assert (await said.get()).sentence == "There is no camera. They can't see you."
        (folder / "video0").touch()
        assert (await said.get()).sentence == f"Your camera is {folder / 'video0'} now."
        await seen(camera, 2)
        await camera.close()


async def test_a_closed_camera_leaves_nothing_running(folder: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        before = asyncio.all_tasks()
        camera = camera_in(folder, 64, 64)
        await camera.open(tasks)
        process = await program(camera)
        await camera.close()
        await camera.close()
        assert process.returncode is not None
        assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("/dev/video-not-there", "Your camera /dev/video-not-there isn't there.", "`camera` under [devices]"),
        ("/dev/null", "The camera gives no picture: /dev/null: Inappropriate ioctl for device.", "isn't a camera"),
        ("/", "The camera gives no picture: /: Is a directory.", "`camera` under [devices]"),
    ],
)
async def test_a_camera_that_cannot_be_opened_costs_a_sentence_that_says_why_and_not_the_call(
    name: str, said: str, hint: str
) -> None:
    told: list[MediaTrouble] = []
    async with connected() as legs:
        devices = LocalDevices(Devices(camera=name), tell=told.append)
        await devices.attach(legs.caller, Media.VIDEO, legs.tasks)
        await devices.detach()
    (trouble,) = told
    assert trouble.sentence == f"{said} They can't see you."
    assert hint in trouble.hint
    assert trouble.sends == Media.NONE


async def test_a_camera_that_belongs_to_others_is_an_error_that_says_how_to_get_it() -> None:
    with reachable_folder() as folder:
        device = folder / "video0"
        device.touch(mode=0o000)
        with ordinary_user():
            opened = CameraProgram()
            with pytest.raises(MediaError, match="Permission denied") as raised:
                await opened.open(video4linux(str(device), 64, 64, 15), 64, 64, 15)
            await opened.close()
            assert "group" in raised.value.hint


async def test_without_ffmpeg_there_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MediaError, match="ffmpeg can't be started") as raised:
        await CameraProgram().open(BARS, 64, 64, 15)
    assert "Install ffmpeg" in raised.value.hint


def test_a_camera_is_chosen_by_its_number(tmp_path: Path) -> None:
    for name in ("video10", "video2", "video-old", "videox"):
        (tmp_path / name).touch()
    assert cameras(tmp_path) == (str(tmp_path / "video2"), str(tmp_path / "video10"))
    assert found("", tmp_path).default == str(tmp_path / "video2")
    assert found(str(tmp_path / "video10"), tmp_path).names[0] == str(tmp_path / "video10")
    assert found(str(tmp_path / "video7"), tmp_path).names == cameras(tmp_path)
    assert cameras(tmp_path / "nothing") == ()
    assert found("", tmp_path / "nothing").default is None


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
