"""A camera for tests, and its film."""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av import AudioFrame, VideoFrame

from tests.programs import need

SERVER = Path(__file__).parent / "rtsp_server.py"

PYTHON = "/usr/bin/python3"
"Debian's Python, which has the bindings. The tests may run on another one."

PACKAGES = "python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base, gstreamer1.0-plugins-good"

USER, PASSWORD = "viewer", "s3cret-of-the-camera"

SIZE = 320, 240
TONE = 997
GREY = 120
"The luma of everything that the camera sees. No other endpoint sends such a picture."

SECONDS = 60.0


def film(path: Path, seconds: int = 30) -> Path:
    """Make the camera's film: grey, and a tone at 8 kHz, as H.264 and PCM."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=15, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        video.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        video.codec_context.gop_size = 15
        audio = file.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for number in range(seconds * 15):
            picture = VideoFrame(*SIZE, "yuv420p")
            for plane, value in zip(picture.planes, (GREY, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            picture.pts, picture.time_base = number, Fraction(1, 15)
            file.mux(video.encode(picture))
            at, end = number * 8_000 // 15, (number + 1) * 8_000 // 15
            samples = array.array(
                "h", (round(8_000 * math.sin(2 * math.pi * TONE * n / 8_000)) for n in range(at, end))
            )
            frame = AudioFrame("s16", "mono", end - at)
            frame.planes[0].update(samples.tobytes())
            frame.pts, frame.sample_rate, frame.time_base = at, 8_000, Fraction(1, 8_000)
            file.mux(audio.encode(frame))
        for stream in (video, audio):
            file.mux(stream.encode(None))
    return path


class IpCameraForTests:
    """A camera that can be switched on and off. It requires a user name and a password."""

    def __init__(self, film: Path) -> None:
        need(PYTHON, packages=PACKAGES)
        self._film = film
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]

    @property
    def address(self) -> str:
        """The address with the password."""
        return f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/stream"

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the camera during the block. At the end it loses its power."""
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, str(SERVER), str(self._film), str(self.port), USER, PASSWORD),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(SECONDS):
                said = await process.stdout.readline()
            if said != b"ready\n":
                _, complaint = await process.communicate()
                error = complaint.decode().strip().rpartition("\n")[2]
                pytest.skip(f"the RTSP server doesn't start (Debian: {PACKAGES}): {error}")
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
