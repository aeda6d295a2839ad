"""A camera of this machine, as a track: Video4Linux by the program ffmpeg.

The FFmpeg inside PyAV's wheels is built without Video4Linux, and a program of its own can be ended at any moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from av import VideoFrame

from peer.media.live import LiveTrack
from peer.media.tasks import end, end_process
from shared.errors import MediaError

logger = logging.getLogger(__name__)

START_SECONDS = 5.0
"What a camera may take until its first picture."

RETRY_SECONDS = 1.0
"Between two tries to open a camera that has gone."

READ_BYTES = 512 * 1024
"What is read ahead of ffmpeg's pictures: about one of 640x480."

MAX_HEADER = 256
"Bytes of a line of YUV4MPEG2."

CLOCK = 90_000

HINTS = {
    "No such file or directory": "Check `camera` under [devices], and whether it is plugged in.",
    "Permission denied": "Add the user to the group that has the device, mostly `video`, and log in again.",
    "Device or resource busy": "Another program uses it: end that one, or set `camera` under [devices] to none.",
    "Inappropriate ioctl for device": "That isn't a camera. Check `camera` under [devices].",
}
"What to do about what ffmpeg says last, in the words of the C library."


def find_camera(name: str, folder: Path = Path("/dev")) -> str | None:
    """The device for `auto`, `none` or a path; None for no camera."""
    if name == "none":
        return None
    if name != "auto":
        return name
    # The second device of many cameras gives only data about the picture.
    devices = [path for path in folder.glob("video*") if path.name.removeprefix("video").isdecimal()]
    return str(min(devices, key=lambda path: int(path.name.removeprefix("video")))) if devices else None


def video4linux(device: str, width: int, height: int, rate: int) -> list[str]:
    """ffmpeg's options for a camera. The driver takes what is next to the size and rate wanted."""
    return ["-f", "v4l2", "-framerate", str(rate), "-video_size", f"{width}x{height}", "-i", device]


class LocalCamera:
    """An open camera. It stays open from leg to leg of a call, and is opened again when it has gone."""

    def __init__(self, source: Sequence[str], width: int, height: int, rate: int) -> None:
        """`source` is ffmpeg's options for what to open. The pictures fit `width` and `height`, proportions kept."""
        fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,format=yuv420p"
        self._arguments = [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-fflags", "nobuffer", *source),
            *("-an", "-vf", fit, "-r", str(rate), "-f", "yuv4mpegpipe", "pipe:1"),
        ]
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: asyncio.Task[str] | None = None
        "Reads ffmpeg's stderr, which would stop it if nobody did."

        self._size = (0, 0)
        self._track: LiveTrack | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the camera. Raises MediaError when it gives no picture."""
        await self._start(tasks)
        self._task = tasks.create_task(self._look(tasks))

    def track(self) -> LiveTrack:
        """A new track, which gets what is seen instead of the one before."""
        self._track = LiveTrack("video")
        return self._track

    async def close(self) -> None:
        """Let go of the camera."""
        task, self._task = self._task, None
        await end(task)
        await self._end()

    async def _start(self, tasks: asyncio.TaskGroup) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=READ_BYTES,
            )
        except OSError as error:
            raise MediaError(
                f"ffmpeg can't be started: {error.strerror}.",
                "Install ffmpeg, or set `camera` under [devices] to none.",
            ) from error
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        self._complaints = tasks.create_task(_last_line(stderr))
        try:
            async with asyncio.timeout(START_SECONDS):
                self._size = _size(await stdout.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, TimeoutError) as error:
            said = await self._end()
            raise MediaError(
                f"The camera gives no picture{f': {said}' if said else ''}.",
                HINTS.get(
                    said.rpartition(": ")[2], "Check `camera` under [devices], and whether another program uses it."
                ),
            ) from error

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        while True:
            try:
                if self._process is None:
                    await self._start(tasks)
                data = await self._picture()
            except MediaError as error:
                if self._process is not None:
                    logger.warning("the camera has gone")
                    await self._end()
                else:
                    logger.debug("the camera is still gone: %s", error.sentence)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self._track is not None:
                frame = picture(data, *self._size)
                frame.pts, frame.time_base = round((clock() - begin) * CLOCK), Fraction(1, CLOCK)
                self._track.put(frame)

    async def _picture(self) -> bytes:
        """The next picture's planes. Raises MediaError when there is none."""
        assert self._process is not None
        assert self._process.stdout is not None
        width, height = self._size
        try:
            await self._process.stdout.readuntil(b"\n")
            return await self._process.stdout.readexactly(width * height * 3 // 2)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise MediaError from None

    async def _end(self) -> str:
        """End ffmpeg, and return the last that it said."""
        process, self._process = self._process, None
        if process is None:
            return ""
        await end_process(process)
        complaints, self._complaints = self._complaints, None
        return await complaints if complaints is not None else ""


async def _last_line(stream: asyncio.StreamReader) -> str:
    """Read to the end, and return the last that was said."""
    last = ""
    while said := await stream.read(4096):
        lines = said.decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), last)
    return "".join(character for character in last.strip() if character.isprintable())[:200].rstrip(".")


def _size(header: bytes) -> tuple[int, int]:
    """Width and height from the first line of YUV4MPEG2. Raises ValueError."""
    name, *fields = header[:MAX_HEADER].decode("ascii").split()
    values = {field[0]: field[1:] for field in fields}
    width, height = int(values.get("W", "")), int(values.get("H", ""))
    if name != "YUV4MPEG2" or width % 2 or height % 2 or not (0 < width <= 4096 and 0 < height <= 4096):
        raise ValueError
    return width, height


def picture(data: bytes, width: int, height: int) -> VideoFrame:
    """A frame of YUV 4:2:0 from its planes without padding."""
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
