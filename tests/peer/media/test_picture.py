"""Pictures are sent the right way up and in the right shape, however a file or a camera stores them."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av import VideoFrame, VideoStream
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace, ColorTrc

from peer.media.media_file import MediaFile
from peer.media.picture.size import CLOCKWISE, Fitting
from peer.media.rtp.encoded import Encoded
from shared.media import Media

SIZE = 64, 32

LUMA = ((40, 80), (140, 220))
"The luma of the four quarters of an unrotated picture: top left, top right, bottom left, bottom right."


def quarters() -> VideoFrame:
    """A picture whose four quarters differ."""
    picture = VideoFrame(*SIZE, "yuv420p")
    luma, *chroma = picture.planes
    half = SIZE[0] // 2
    rows = [bytes([left]) * half + bytes([right]) * half for left, right in LUMA for _ in range(SIZE[1] // 2)]
    luma.update(b"".join(row.ljust(luma.line_size, b"\0") for row in rows))
    for plane in chroma:
        plane.update(bytes([128]) * plane.buffer_size)
    return picture


def seen(picture: VideoFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where each quarter is, as its number in LUMA."""
    luma = picture.planes[0]
    data = bytes(luma)

    def at(x: float, y: float) -> int:
        value = data[int(picture.height * y) * luma.line_size + int(picture.width * x)]
        levels = [level for row in LUMA for level in row]
        return min(range(4), key=lambda number: abs(levels[number] - value))

    return (at(0.25, 0.25), at(0.75, 0.25)), (at(0.25, 0.75), at(0.75, 0.75))


def film(
    path: Path,
    *,
    degrees: int = 0,
    hflip: bool = False,
    vflip: bool = False,
    pixel: Fraction = Fraction(1),
    codec: str = "libx264",
    tag: str = "",
) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=15, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        assert isinstance(stream, VideoStream)
        stream.codec_context.sample_aspect_ratio = pixel
        stream.sample_aspect_ratio = pixel
        if degrees or hflip or vflip:
            stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)
        if tag:
            stream.metadata["rotate"] = tag
        for number in range(5):
            picture = quarters()
            picture.pts, picture.time_base = number, Fraction(1, 15)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


def test_a_film_that_a_call_could_carry_as_it_is_is_turned_too(tmp_path: Path) -> None:
    turned = film(tmp_path / "turned.webm", degrees=90, codec="libvpx")
    assert (shown(turned).width, shown(turned).height) == SIZE[::-1]
    upright = MediaFile(film(tmp_path / "upright.webm", codec="libvpx"), Media.VIDEO, 640, 480, 15)
    assert isinstance(upright.read(), Encoded)
    upright.close()


def shown(path: Path, width: int = 640, height: int = 480) -> VideoFrame:
    file = MediaFile(path, Media.VIDEO, width, height, 15)
    try:
        picture = file.read()
    finally:
        file.close()
    assert isinstance(picture, VideoFrame)
    return picture


@pytest.mark.parametrize(
    ("degrees", "flips", "size", "quarters_seen"),
    [
        (0, "", (64, 32), ((0, 1), (2, 3))),
        (180, "", (64, 32), ((3, 2), (1, 0))),
        # Counter-clockwise, as FFmpeg counts.
        (90, "", (32, 64), ((1, 3), (0, 2))),
        (-90, "", (32, 64), ((2, 0), (3, 1))),
        (270, "", (32, 64), ((2, 0), (3, 1))),
        (0, "h", (64, 32), ((1, 0), (3, 2))),
        (0, "v", (64, 32), ((2, 3), (0, 1))),
        (90, "h", (32, 64), ((3, 1), (2, 0))),
        (90, "v", (32, 64), ((0, 2), (1, 3))),
        # An angle that isn't a quarter turn: the picture stays as it was filmed.
        (30, "", (64, 32), ((0, 1), (2, 3))),
    ],
)
def test_a_film_is_shown_the_way_up_that_it_says(
    tmp_path: Path, degrees: int, flips: str, size: tuple[int, int], quarters_seen: tuple[tuple[int, int], ...]
) -> None:
    picture = shown(film(tmp_path / "film.mp4", degrees=degrees, hflip="h" in flips, vflip="v" in flips))
    assert (picture.width, picture.height) == size
    assert seen(picture) == quarters_seen


@pytest.mark.parametrize(
    ("tag", "quarters_seen"),
    [
        ("90", ((2, 0), (3, 1))),
        ("180", ((3, 2), (1, 0))),
        ("270", ((1, 3), (0, 2))),
        ("-90", ((1, 3), (0, 2))),
        ("0", ((0, 1), (2, 3))),
        ("left", ((0, 1), (2, 3))),
    ],
)
def test_a_film_that_says_it_in_a_tag_is_turned_too(
    tmp_path: Path, tag: str, quarters_seen: tuple[tuple[int, int], ...]
) -> None:
    assert seen(shown(film(tmp_path / "film.mkv", tag=tag))) == quarters_seen


def test_a_film_that_a_call_could_carry_and_that_has_the_tag_is_turned(tmp_path: Path) -> None:
    assert seen(shown(film(tmp_path / "film.webm", codec="libvpx", tag="180"))) == ((3, 2), (1, 0))


@pytest.mark.parametrize("colours", [Colorspace.ITU709, Colorspace.ITU601, Colorspace.BT2020])
@pytest.mark.parametrize("levels", [ColorRange.MPEG, ColorRange.JPEG])
def test_a_call_shows_the_colours_that_the_source_has(colours: Colorspace, levels: ColorRange) -> None:
    red = VideoFrame(64, 32, "rgb24")
    red.planes[0].update(bytes((255, 0, 0)) * 64 * 32)
    source = red.reformat(format="yuv420p", dst_colorspace=colours, dst_color_range=levels)
    source.colorspace, source.color_range = colours, levels
    fitted = Fitting(640, 480).fit(source)
    # A browser assumes BT.601 with values from 16 to 235.
    assert [bytes(plane)[0] for plane in fitted.planes] == pytest.approx([81, 90, 240], abs=3)


@pytest.mark.parametrize(
    ("signal", "shown_as"),
    [
        ((0.0, 0.0, 0.0), [16, 128, 128]),
        ((0.58, 0.58, 0.58), [225, 128, 128]),  # 203 candelas a square metre: a sheet of paper
        ((1.0, 1.0, 1.0), [235, 128, 128]),
        ((0.58, 0.0, 0.0), [81, 90, 240]),
    ],
    ids=["black", "paper", "sun", "red"],
)
def test_the_brightness_of_an_hdr_film_is_made_that_of_a_call(
    signal: tuple[float, float, float], shown_as: list[int]
) -> None:
    rgb = VideoFrame(64, 32, "rgb48le")
    rgb.planes[0].update(struct.pack("<3H", *(round(65_535 * value) for value in signal)) * 64 * 32)
    film = rgb.reformat(format="yuv420p10le", dst_colorspace=Colorspace.BT2020, dst_color_range=ColorRange.MPEG)
    film.colorspace, film.color_range = Colorspace.BT2020, ColorRange.MPEG
    film.color_trc = ColorTrc.SMPTE2084
    fitted = Fitting(640, 480).fit(film)
    assert [bytes(plane)[0] for plane in fitted.planes] == pytest.approx(shown_as, abs=4)


def test_an_hdr_source_whose_pictures_change_their_size_and_way_up_has_the_tables_of_tones_made_twice_at_most() -> None:
    fitting, made, turned = Fitting(64, 32), set[Graph](), False
    for number in range(30):
        film = VideoFrame(16 + 2 * number, 40 - number, "yuv420p10le")
        film.color_trc = ColorTrc.SMPTE2084
        fitted = fitting.fit(film, tagged=CLOCKWISE[90] if number % 3 else ())
        assert max(fitted.width / 64, fitted.height / 32) <= 1
        made.update(fitting._tones.values())
        turned = turned or any(CLOCKWISE[90] in form for form in fitting._graphs)
    assert 1 <= len(made) <= 2
    assert turned


def test_an_interlaced_picture_shows_one_moment(tmp_path: Path) -> None:
    # White and black lines in turn: two moments of a moving object, each with half of the lines.
    combed = VideoFrame(64, 32, "gray")
    width = combed.planes[0].line_size
    combed.planes[0].update(b"".join((b"\x00" if line % 2 else b"\xff") * width for line in range(32)))
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as file:
        options = {"flags": "+ilme+ildct", "qmin": "1", "qmax": "1"}
        stream = file.add_stream("mpeg2video", rate=25, width=64, height=32, pix_fmt="yuv420p", options=options)
        for number in range(5):
            picture = combed.reformat(format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    picture = shown(path)
    assert (picture.width, picture.height) == (64, 32)
    assert min(bytes(picture.planes[0])) > 200


@pytest.mark.parametrize(
    ("pixel", "size"),
    [
        (Fraction(1), (64, 32)),
        (Fraction(2), (128, 32)),
        (Fraction(1, 2), (32, 32)),
        (Fraction(16, 11), (94, 32)),
        (Fraction(100), (64, 32)),
    ],
)
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, pixel: Fraction, size: tuple[int, int]) -> None:
    picture = shown(film(tmp_path / "film.mp4", pixel=pixel))
    assert (picture.width, picture.height) == size
    assert seen(picture) == ((0, 1), (2, 3))


def test_a_portrait_film_with_wide_pixels_fits_the_call(tmp_path: Path) -> None:
    picture = shown(film(tmp_path / "film.mp4", degrees=90, pixel=Fraction(2)), 64, 64)
    # 32 high and 128 wide lying; 32 wide and 128 high standing; half of that fits.
    assert (picture.width, picture.height) == (16, 64)


@pytest.mark.parametrize(("size", "fitted"), [((33, 21), (32, 20)), ((641, 361), (640, 360)), ((1, 1), (2, 2))])
def test_odd_sizes_become_even(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    picture = Fitting(640, 480).fit(VideoFrame(*size, "rgb24"))
    assert (picture.width, picture.height) == fitted
