"""The size and the way up in which a picture is sent."""

from __future__ import annotations

import struct
from fractions import Fraction

from av import VideoFormat, VideoFrame
from av.buffer import Buffer
from av.filter import Graph
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

TURNS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}
"FFmpeg's filters by the signs of a display matrix's a, b, c, d: x' = ax + cy, y' = bx + dy (ISO/IEC 14496-12, 8.3.2)."

MATRIX = struct.Struct("=9i")
"Of a display matrix: a b u, c d v, x y w."

WIDEST_PIXEL = 4
"How much wider than high a pixel may be, or the other way round; whatever says more is taken to be damaged."


class Fitting:
    """Makes a source's pictures fit an encoder: not larger than allowed, the right way up, with square pixels.

    Both sides are even, the form is YUV 4:2:0. Cameras and JPEGs often use all 256 levels of brightness; a call's
    pictures use 16 to 235, as VP8 assumes.
    """

    def __init__(self, widest: int, highest: int) -> None:
        self._box = widest, highest
        self._graph: tuple[tuple[object, ...], Graph] | None = None

    def fit(self, picture: VideoFrame, pixel: Fraction | None = None) -> VideoFrame:
        """`pixel` is the width of a pixel divided by its height; None: it is square. Timestamps are the caller's."""
        turn = way_up(picture)
        shown = (picture.width * _sane(pixel), Fraction(picture.height))
        lying = bool(turn) and turn[0][0] == "transpose"
        box = self._box[::-1] if lying else self._box
        scale = min(Fraction(1), box[0] / shown[0], box[1] / shown[1])
        width, height = (max(2, round(side * scale / 2) * 2) for side in shown)
        fitted = picture.reformat(width, height, "yuv420p", dst_color_range=ColorRange.MPEG)
        if turn:
            fitted = self._turned(fitted, turn)
        # A picture that was a key frame in its source is not to become one in the call.
        fitted.pict_type = PictureType.NONE
        return fitted

    def _turned(self, picture: VideoFrame, turn: tuple[tuple[str, str], ...]) -> VideoFrame:
        form = picture.width, picture.height, turn
        if self._graph is None or self._graph[0] != form:
            graph = Graph()
            nodes = [
                graph.add_buffer(
                    width=picture.width,
                    height=picture.height,
                    format=VideoFormat("yuv420p"),
                    time_base=Fraction(1, 1_000),
                ),
                *(graph.add(name, arguments) for name, arguments in turn),
                graph.add("buffersink"),
            ]
            graph.link_nodes(*nodes).configure()
            self._graph = form, graph
        picture.pts, picture.time_base = 0, Fraction(1, 1_000)
        self._graph[1].vpush(picture)
        return self._graph[1].vpull()


def way_up(picture: VideoFrame) -> tuple[tuple[str, str], ...]:
    """The filters that turn a picture as its display matrix says; none for one that isn't by quarters of a turn."""
    matrix = picture.side_data.get("DISPLAYMATRIX")
    data = bytes(matrix) if isinstance(matrix, Buffer) else b""
    if len(data) != MATRIX.size:
        return ()
    a, b, _, c, d, *_ = MATRIX.unpack(data)
    return TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)), ())


def _sign(number: int) -> int:
    """Of a 16.16 fixed-point number; 0 for what is nothing but rounding."""
    return 0 if abs(number) < 64 else 1 if number > 0 else -1


def _sane(pixel: Fraction | None) -> Fraction:
    return pixel if pixel and Fraction(1, WIDEST_PIXEL) <= pixel <= WIDEST_PIXEL else Fraction(1)
