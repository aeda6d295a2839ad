"""Runs in the machine of camera_machine.py: looks through its camera, and prints what it saw."""

from __future__ import annotations

import asyncio
import json
import sys

from av import VideoFrame

from peer.media.picture.camera import CameraProgram, LocalCamera, cameras, video4linux
from shared.errors import MediaError

SIZE = (640, 480, 15)

FRAMES = 20

START_SECONDS = 60.0
"Everything takes ten times as long in this machine."


async def look() -> dict[str, object]:
    """What the camera showed, and the error for a second user of the camera."""
    async with asyncio.TaskGroup() as tasks:
        device = cameras()[0]
        seen: dict[str, object] = {"device": device}
        camera = LocalCamera("auto", *SIZE, start_seconds=START_SECONDS)
        await camera.open(tasks)
        track = camera.track()
        for _ in range(FRAMES):
            frame = await track.recv()
        assert isinstance(frame, VideoFrame)
        seen["size"] = [frame.width, frame.height]
        plane = frame.planes[0]
        row = bytes(plane)[240 * plane.line_size :]
        # The middle of each of the eight bars.
        seen["luma"] = [row[80 * bar + 40] for bar in range(8)]
        try:
            await CameraProgram(START_SECONDS).open(video4linux(device, *SIZE), *SIZE)
        except MediaError as error:
            seen["busy"] = [error.sentence, error.hint]
        await camera.close()
        await camera.open(tasks)
        await camera.close()
        return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(look())) + "\n")
