"""Drawn pictures of people for browsers without a camera, as films for Chromium's fake camera."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 640, 480

FRAMES = 2
"After the last frame, the camera starts again."


class Colour(NamedTuple):
    """A colour in BT.601, limited range."""

    y: int
    cb: int
    cr: int


def colour(red: int, green: int, blue: int) -> Colour:
    """Convert red, green and blue, 0 to 255 each (ITU-R BT.601)."""
    return Colour(
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


class Face(NamedTuple):
    """The colours of a person, and of the wall behind."""

    wall: Colour
    hair: Colour
    skin: Colour
    shirt: Colour


EYES = Colour(40, 128, 128)

ANNA = Face(colour(196, 214, 208), colour(74, 44, 32), colour(232, 190, 165), colour(44, 110, 96))
BOB = Face(colour(222, 208, 190), colour(38, 36, 40), colour(176, 124, 92), colour(62, 82, 128))


@functools.cache
def camera(face: Face) -> Path:
    """A file for `--use-file-for-fake-video-capture`. It exists until the tests are over."""
    path = Path(_folder().name) / f"{len(list(Path(_folder().name).iterdir()))}.y4m"
    path.write_bytes(_film(face))
    return path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="faces-", ignore_cleanup_errors=True)


def _film(face: Face) -> bytes:
    rows = [[_at(face, x, y) for x in range(WIDTH)] for y in range(HEIGHT)]
    luma = b"".join(bytes(pixel.y for pixel in row) for row in rows)
    chroma = [bytes(pixel[plane] for row in rows[::2] for pixel in row[::2]) for plane in (1, 2)]
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F20:1 Ip A1:1 C420\n".encode()
    return header + b"".join([b"FRAME\n", luma, *chroma] * FRAMES)


def _at(face: Face, x: int, y: int) -> Colour:
    """The colour of a pixel: flat shapes, front to back."""
    for eye in (280, 360):
        if _inside(x, y, eye, 205, 9, 11):
            return EYES
    if _inside(x, y, 320, 250, 40, 26) and y > 258 and not _inside(x, y, 320, 244, 44, 26):
        return colour(170, 84, 78)
    if _inside(x, y, 320, 215, 92, 112) and y > 150 + abs(x - 320) // 6:
        return face.skin
    if _inside(x, y, 320, 190, 112, 120):
        return face.hair
    if _inside(x, y, 320, 345, 40, 60):
        return face.skin
    if _inside(x, y, 320, 480, 210, 135):
        return face.shirt
    return Colour(face.wall.y - y // 14, face.wall.cb, face.wall.cr)


def _inside(x: int, y: int, centre_x: int, centre_y: int, across: int, down: int) -> bool:
    return ((x - centre_x) / across) ** 2 + ((y - centre_y) / down) ** 2 <= 1
