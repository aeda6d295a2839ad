"""The size and orientation in which a picture is sent."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction

from av import VideoFrame
from av.buffer import Buffer
from av.filter import Graph
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace

from peer.media.picture.hdr import FORM, TONES, is_pq

Filters = tuple[tuple[str, str], ...]
"FFmpeg's filters, each with its name and arguments."

TURNS: dict[tuple[int, int, int, int], Filters] = {
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

CLOCKWISE: dict[int, Filters] = {
    90: (("transpose", "clock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "cclock"),),
}
"FFmpeg's filters by the degrees of a clockwise turn."

ONE_FIELD: Filters = (("field", "type=top"),)
"Keeps one field of an interlaced picture. Its lines belong to two moments in turn."

KEPT_GRAPHS = 3
"One graph for fields, one for turning, one to spare. A source whose pictures change gets new graphs."

MATRIX = struct.Struct("=9i")
"A display matrix: a b u, c d v, x y w."

WIDEST_PIXEL = 4
"The most that a pixel may be wider than high, or higher than wide. A larger ratio is taken for damage."


class Fitting:
    """Makes a source's pictures fit an encoder: within the allowed size, upright, with square pixels, not interlaced.

    Width and height are even, and the format is YUV 4:2:0. Cameras and JPEGs often use all 256 levels of brightness,
    and HD films use the colours of BT.709. The pictures of a call use levels 16 to 235 and BT.601, as VP8 assumes (RFC
    6386, 9.2).
    """

    def __init__(self, widest: int, highest: int) -> None:
        self._box = widest, highest
        self._graphs: dict[tuple[object, ...], Graph] = {}
        self._tones: dict[tuple[object, ...], Graph] = {}
        """At most two graphs: one for a landscape box, one for a portrait box. Making one blocks Python for a tenth of
        a second, so a source must not be able to cause more of them."""

    def fit(self, picture: VideoFrame, pixel: Fraction | None = None, tagged: Filters = ()) -> VideoFrame:
        """Fit one picture.

        `pixel` is the width of a pixel divided by its height; None: square. `tagged` turns pictures that have no
        display matrix. The caller sets the timestamps.
        """
        turn = way_up(picture) or tagged
        shown = (picture.width * _sane(pixel), Fraction(picture.height))
        lying = bool(turn) and turn[0][0] == "transpose"
        box = self._box[::-1] if lying else self._box
        scale = min(Fraction(1), box[0] / shown[0], box[1] / shown[1])
        width, height = (max(2, round(side * scale / 2) * 2) for side in shown)
        if picture.interlaced_frame and picture.height > 1:
            picture = _through(picture, ONE_FIELD, self._graphs)
        if is_pq(picture):
            filled = picture.reformat(*box, FORM, dst_color_range=ColorRange.JPEG)
            picture = _through(filled, TONES, self._tones)
        fitted = picture.reformat(
            width, height, "yuv420p", dst_color_range=ColorRange.MPEG, dst_colorspace=Colorspace.ITU601
        )
        if turn:
            fitted = _through(fitted, turn, self._graphs)
        # A key frame of the source must not force a key frame in the call.
        fitted.pict_type = PictureType.NONE
        return fitted


def _through(picture: VideoFrame, filters: Filters, kept: dict[tuple[object, ...], Graph]) -> VideoFrame:
    """Apply these filters to a picture. Their graph is kept for pictures of the same size and format."""
    form = picture.width, picture.height, picture.format.name, filters
    graph = kept.get(form)
    if graph is None:
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1_000)
            ),
            *(graph.add(name, arguments) for name, arguments in filters),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        if len(kept) >= KEPT_GRAPHS:
            kept.clear()
        kept[form] = graph
    picture.pts, picture.time_base = 0, Fraction(1, 1_000)
    graph.vpush(picture)
    return graph.vpull()


def way_up(picture: VideoFrame) -> Filters:
    """The filters that turn a picture as its display matrix says. None for angles other than quarter turns."""
    matrix = picture.side_data.get("DISPLAYMATRIX")
    data = bytes(matrix) if isinstance(matrix, Buffer) else b""
    if len(data) != MATRIX.size:
        return ()
    a, b, _, c, d, *_ = MATRIX.unpack(data)
    return TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)), ())


def tagged_way_up(tags: Mapping[str, str]) -> Filters:
    """The filters for a stream's tag `rotate`, in degrees clockwise.

    Matroska files made from films of older phones have that tag. Without it there are no filters.
    """
    degrees = next((value for name, value in tags.items() if name.lower() == "rotate"), "0")
    try:
        return CLOCKWISE.get(int(degrees) % 360, ())
    except ValueError:
        return ()


def _sign(number: int) -> int:
    """The sign of a 16.16 fixed-point number: -1 or 1, or 0 if the number is only a rounding error."""
    return 0 if abs(number) < 64 else 1 if number > 0 else -1


def _sane(pixel: Fraction | None) -> Fraction:
    return pixel if pixel and Fraction(1, WIDEST_PIXEL) <= pixel <= WIDEST_PIXEL else Fraction(1)
