"""The picture that is shown while a camera is gone."""

from __future__ import annotations

from av import VideoFrame

BLACK_SECONDS = 1.0
"The time between two black pictures. If the last picture stayed instead, it would look like a live one."


def black(width: int, height: int) -> VideoFrame:
    """A black picture."""
    picture = VideoFrame(width, height, "yuv420p")
    for plane, value in zip(picture.planes, (16, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return picture
