"""A camera of this machine as a track: the program ffmpeg reads Video4Linux.

The FFmpeg inside PyAV's wheels is built without Video4Linux, and a separate program can be ended at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from av import VideoFrame

from peer.media.devices.choice import FoundDevices
from peer.media.devices.device_words import CAMERA
from peer.media.devices.follower import FollowedDevice, keep_looking
from peer.media.ending import end, end_process
from peer.media.live_track import LiveTrack
from peer.media.picture.black import BLACK_SECONDS, black
from peer.media.picture.camera_events import camera_changes
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError

START_SECONDS = 5.0
"How long a camera may take until its first picture."

STILL_SECONDS = 5.0
"A camera without a picture for this long is gone, whatever its driver says. In the dark, some give five a second."

READ_BYTES = 512 * 1024
"How many bytes of pictures are read ahead: about one picture of 640x480."

MAX_HEADER = 256
"The longest line of a YUV4MPEG2 header, in bytes."

CLOCK = 90_000

DEVICES = Path("/dev")

HINTS = {
    "No such file or directory": "Check `camera` under [devices] of copybara.toml, and whether it is plugged in.",
    "Permission denied": "Add the user to the group that has the device, mostly `video`, and log in again.",
    "Device or resource busy": (
        "Another program uses it: end that one, or set `camera` under [devices] of copybara.toml to none."
    ),
    "Inappropriate ioctl for device": "That isn't a camera. Check `camera` under [devices] of copybara.toml.",
}
"Maps the end of ffmpeg's last message, in the C library's words, to what the owner can do."


def cameras(folder: Path = DEVICES) -> tuple[str, ...]:
    """The devices that may be cameras, sorted by number. Many cameras have a second one that only gives metadata."""
    found = [path for path in folder.glob("video*") if path.name.removeprefix("video").isdecimal()]
    return tuple(map(str, sorted(found, key=lambda path: int(path.name.removeprefix("video")))))


def found(wanted: str, folder: Path = DEVICES) -> FoundDevices:
    """The devices that may be cameras. `wanted` comes first if it is there."""
    others = tuple(each for each in cameras(folder) if each != wanted)
    names = (wanted, *others) if wanted and Path(wanted).exists() else others
    return FoundDevices(names, others[0] if others else None)


def video4linux(device: str, width: int, height: int, rate: int) -> list[str]:
    """ffmpeg's options for a camera. The driver takes the nearest size and rate that it has."""
    return ["-f", "v4l2", "-framerate", str(rate), "-video_size", f"{width}x{height}", "-i", device]


class LocalCamera:
    """An open camera. It stays open from leg to leg of a call."""

    def __init__(
        self,
        name: str,
        width: int,
        height: int,
        rate: int,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
        *,
        folder: Path = DEVICES,
        source: Callable[[str, int, int, int], Sequence[str]] = video4linux,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """`name` is `auto` or a path.

        The pictures fit `width` and `height` with their proportions kept; `rate` is per second.

        `tell` is called when the camera goes or comes back. `folder` contains the devices. `source` gives ffmpeg's
        options for a device. The first picture has to come within `start_seconds`.
        """
        wanted = "" if name == "auto" else name
        self._folder, self._wanted = folder, wanted
        self._folders = {folder, Path(wanted).parent} if wanted else {folder}
        self._limits = width, height, rate
        self._source = source
        self._start_seconds = start_seconds
        self.device: FollowedDevice[CameraProgram] = FollowedDevice(CAMERA, wanted, self._find, self._start, tell)
        self._track: LiveTrack | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the camera, or another one while it is missing."""
        await self.device.open(tasks)
        self._tasks = [
            tasks.create_task(self._see()),
            tasks.create_task(keep_looking(lambda: camera_changes(self._folders), self.device.look)),
        ]

    def track(self) -> LiveTrack:
        """A new track. From now on it gets the pictures, and the previous track doesn't."""
        self._track = LiveTrack("video")
        return self._track

    async def close(self) -> None:
        """Close the camera."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            await end(task)
        await self.device.close()

    async def _find(self) -> FoundDevices:
        return found(self._wanted, self._folder)

    async def _start(self, device: str) -> CameraProgram:
        program = CameraProgram(self._start_seconds)
        try:
            await program.open(self._source(device, *self._limits), *self._limits)
        except BaseException:
            await program.close()
            raise
        return program

    async def _see(self) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        size: tuple[int, int] | None = None
        while True:
            frame = None
            try:
                async with asyncio.timeout(BLACK_SECONDS):
                    program = await self.device.get()
            except TimeoutError:
                frame = black(*size) if size else None
            else:
                try:
                    frame = await program.read()
                    size = frame.width, frame.height
                except MediaError:
                    self.device.lost(program)
            if frame is not None and self._track is not None:
                frame.pts, frame.time_base = round((clock() - begin) * CLOCK), Fraction(1, CLOCK)
                self._track.put(frame)


class CameraProgram:
    """A running ffmpeg that gives the pictures of one camera."""

    def __init__(self, start_seconds: float = START_SECONDS) -> None:
        """`start_seconds` is how long the first picture may take."""
        self._start_seconds = start_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: asyncio.Future[str] | None = None
        "Reads ffmpeg's stderr, because a full pipe would block ffmpeg, and gives the last line."

        self._size = (0, 0)

    async def open(self, source: Sequence[str], width: int, height: int, rate: int) -> None:
        """Start ffmpeg. `source` is its options for the device. Raises MediaError if no picture comes."""
        fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,format=yuv420p"
        arguments = (
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-fflags", "nobuffer", *source),
            *("-an", "-vf", fit, "-r", str(rate), "-f", "yuv4mpegpipe", "pipe:1"),
        )
        try:
            self._process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=READ_BYTES,
            )
        except OSError as error:
            raise MediaError(
                f"ffmpeg can't be started: {error.strerror}.",
                "Install ffmpeg, or set `camera` under [devices] of copybara.toml to none.",
            ) from error
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        self._complaints = asyncio.ensure_future(_last_line(stderr))
        try:
            async with asyncio.timeout(self._start_seconds):
                self._size = _size(await stdout.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, TimeoutError) as error:
            said = await self._end()
            raise MediaError(
                f"The camera gives no picture{f': {said}' if said else ''}.",
                HINTS.get(
                    said.rpartition(": ")[2],
                    "Check `camera` under [devices] of copybara.toml, and whether another program uses it.",
                ),
            ) from error

    async def read(self) -> VideoFrame:
        """The next picture, without a timestamp. Raises MediaError if none will come, or it takes too long."""
        assert self._process is not None
        assert self._process.stdout is not None
        width, height = self._size
        try:
            async with asyncio.timeout(STILL_SECONDS):
                await self._process.stdout.readuntil(b"\n")
                data = await self._process.stdout.readexactly(width * height * 3 // 2)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            raise MediaError from None
        return picture(data, width, height)

    async def close(self) -> None:
        """Close the camera."""
        await self._end()

    async def _end(self) -> str:
        """End ffmpeg, and return the last line of its messages."""
        if self._process is None:
            return ""
        await end_process(self._process)
        return await self._complaints if self._complaints is not None else ""


async def _last_line(stream: asyncio.StreamReader) -> str:
    """Read to the end, and return the last line."""
    last = ""
    while said := await stream.read(4096):
        lines = said.decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), last)
    return "".join(character for character in last.strip() if character.isprintable())[:200].rstrip(".")


def _size(header: bytes) -> tuple[int, int]:
    """The width and height in the first line of YUV4MPEG2. Raises ValueError."""
    name, *fields = header[:MAX_HEADER].decode("ascii").split()
    values = {field[0]: field[1:] for field in fields}
    width, height = int(values.get("W", "")), int(values.get("H", ""))
    if name != "YUV4MPEG2" or width % 2 or height % 2 or not (0 < width <= 4096 and 0 < height <= 4096):
        raise ValueError
    return width, height


def picture(data: bytes, width: int, height: int) -> VideoFrame:
    """Make a YUV 4:2:0 frame from its planes without padding."""
    frame = VideoFrame(width, height, "yuv420p")
    at = 0
    for plane in frame.planes:
        size = plane.width * plane.height
        rows = data[at : at + size]
        at += size
        if plane.line_size == plane.width:
            plane.update(rows)
        else:
            lines = (rows[row : row + plane.width] for row in range(0, size, plane.width))
            plane.update(b"".join(line.ljust(plane.line_size, b"\0") for line in lines))
    return frame
