"""Files in the formats of calls: VP8 and Opus, sent without decoding."""

from __future__ import annotations

import asyncio
import itertools
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av import AudioFrame, Packet, VideoFrame, VideoStream

from peer.media.endpoints.file import FilePlayer
from peer.media.endpoints.pattern import Bars
from peer.media.media_file import MediaFile
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.rtp.encoded import MAX_BITS_PER_SECOND, Encoded, VP8Pictures
from peer.media.rtp.incoming import Incoming
from peer.transport.leg import Leg
from shared.media import Media
from tests.peer.media.tone import SAMPLE_RATE, hertz, sine
from tests.peer.pair import PATIENCE, connected

TONE = 600
RATE = 15


def make_webm(
    path: Path, seconds: int = 1, *, group: int = RATE, size: tuple[int, int] = (160, 120), codec: str = "libvpx"
) -> Path:
    """Make a file with the test pattern and a tone, and a whole picture every `group` pictures."""
    with av.open(str(path), "w") as file:
        video = file.add_stream(codec, rate=RATE, width=size[0], height=size[1], pix_fmt="yuv420p")
        assert isinstance(video, VideoStream)
        video.codec_context.gop_size = group
        video.codec_context.options = {"deadline": "realtime", "cpu-used": "8", "keyint_min": str(group)}
        audio = file.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")
        bars = Bars(*size)
        for number in range(seconds * RATE):
            picture = bars.draw(number * 4, float(number))
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            file.mux(video.encode(picture))
        for number in range(seconds * 50):
            frame = AudioFrame("s16", "mono", 960)
            frame.planes[0].update(sine(TONE, 960, number * 960))
            frame.pts, frame.sample_rate, frame.time_base = number * 960, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
            file.mux(audio.encode(frame))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))
    return path


def packets_in(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path), "r") as file:
        return [bytes(packet) for packet in file.demux() if packet.stream.type == kind and packet.size]


async def frames_at(leg: Leg, media: Media, count: int) -> list[EncodedFrame]:
    """The encoded frames that arrive."""
    incoming = Incoming(leg, media)
    incoming.open()
    frames: list[EncodedFrame] = []
    async with asyncio.timeout(PATIENCE):
        while len(frames) < count:
            frames += await incoming.next() or ()
    incoming.close()
    return frames


async def test_what_stands_in_the_file_arrives_byte_for_byte_and_in_time(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "both.webm", 2)
    async with connected() as legs:
        player = FilePlayer(path)
        arriving = asyncio.create_task(frames_at(legs.callee, Media.BOTH, 110))
        start = asyncio.get_running_loop().time()
        await player.attach(legs.caller, Media.BOTH, legs.tasks)
        frames = await arriving
        took = asyncio.get_running_loop().time() - start
        await player.detach()
    assert took > 1.5
    for kind in ("audio", "video"):
        arrived = [frame for frame in frames if frame.kind == kind]
        expected = packets_in(path, kind)
        assert len(arrived) > 20
        assert [frame.data for frame in arrived] == expected[: len(arrived)]
        rate = SAMPLE_RATE if kind == "audio" else 90_000
        # The first packet of Opus begins 7 ms before the file does.
        steps = [(b.timestamp - a.timestamp) / rate for a, b in itertools.pairwise(arrived[1:])]
        assert steps == pytest.approx([0.02 if kind == "audio" else 1 / RATE] * len(steps), abs=0.002)


async def test_the_file_starts_again_as_it_is_with_timestamps_that_grow(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "both.webm", 1)
    pictures = packets_in(path, "video")
    async with connected() as legs:
        player = FilePlayer(path)
        arriving = asyncio.create_task(frames_at(legs.callee, Media.VIDEO, 2 * len(pictures)))
        await player.attach(legs.caller, Media.BOTH, legs.tasks)
        frames = await arriving
        await player.detach()
    assert [frame.data for frame in frames] == pictures * 2
    steps = [b.timestamp - a.timestamp for a, b in itertools.pairwise(frames)]
    assert min(steps) > 90_000 / RATE / 2
    assert max(steps) < 90_000 / RATE * 2


async def test_a_receiver_decodes_it(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "both.webm", 2)
    async with connected() as legs:
        sound, pictures = await legs.callee.receive("audio"), await legs.callee.receive("video")
        player = FilePlayer(path)
        await player.attach(legs.caller, Media.BOTH, legs.tasks)
        heard = [await sound.recv() for _ in range(40)]
        seen = [await pictures.recv() for _ in range(10)]
        await player.detach()
    assert hertz(frame for frame in heard[5:] if isinstance(frame, AudioFrame)) == pytest.approx(TONE, abs=1)
    assert {(frame.width, frame.height) for frame in seen if isinstance(frame, VideoFrame)} == {(160, 120)}


async def test_who_looks_later_sees_a_picture_soon_though_the_file_has_no_whole_one_there(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "long.webm", 10, group=10_000)
    pictures = packets_in(path, "video")
    async with connected() as legs:
        player = FilePlayer(path)
        early = asyncio.create_task(frames_at(legs.callee, Media.VIDEO, 15))
        await player.attach(legs.caller, Media.VIDEO, legs.tasks)
        assert [frame.data for frame in await early] == pictures[:15]
        seen = await legs.callee.receive("video")
        await legs.callee.request_keyframe()
        async with asyncio.timeout(8):  # after 10 seconds the file would begin again with its whole picture
            frames = [await seen.recv() for _ in range(5)]
        await player.detach()
    # It is the picture of that moment: the bars have moved by four pixels for each picture.
    (frame, *_) = frames
    assert isinstance(frame, VideoFrame)
    assert (frame.width, frame.height) == (160, 120)
    top = bytes(frame.reformat(format="yuv420p").planes[0])[:160]
    distances = {n: sum(abs(a - b) for a, b in zip(top, row(n), strict=True)) for n in range(12, 40)}
    assert min(distances, key=lambda n: distances[n]) >= 15


def row(number: int) -> bytes:
    """The luma of the first line of a picture."""
    return bytes(Bars(160, 120).draw(number * 4, float(number)).planes[0])[:160]


async def test_decoding_ends_with_the_next_whole_picture_of_the_file(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "short.webm", 4, group=2 * RATE)
    items = [
        Encoded("video", data, number / RATE, number % (2 * RATE) == 0)
        for number, data in enumerate(packets_in(path, "video"))
    ]
    pictures = VP8Pictures()
    given = []
    for number, item in enumerate(items):
        if number in (3, 12, 20):
            pictures.want_key_frame()
        given.append(await pictures.next(item))
    # The first request came just after a whole picture, so it needs no other one.
    decoded = [number for number, each in enumerate(given) if isinstance(each, VideoFrame)]
    assert decoded == list(range(12, 2 * RATE))
    packet = given[2 * RATE]
    assert isinstance(packet, Packet)
    assert bytes(packet) == items[2 * RATE].data


async def test_two_pictures_of_one_moment_get_timestamps_of_their_own(tmp_path: Path) -> None:
    first, second, *_ = packets_in(make_webm(tmp_path / "two.webm"), "video")
    pictures = VP8Pictures()
    packets = [await pictures.next(Encoded("video", data, 1.0, key)) for data, key in ((first, True), (second, False))]
    assert [packet.pts for packet in packets if packet] == [90_000, 90_001]


@pytest.mark.parametrize(
    ("made", "limits"),
    [({"size": (320, 240)}, (160, 160)), ({"codec": "libvpx-vp9"}, (640, 480))],
    ids=["larger", "VP9"],
)
def test_pictures_that_a_call_does_not_carry_are_decoded(
    tmp_path: Path, made: dict[str, object], limits: tuple[int, int]
) -> None:
    file = MediaFile(make_webm(tmp_path / "other.webm", **made), Media.BOTH, *limits, RATE)  # type: ignore[arg-type]
    frames = [file.read() for _ in range(40)]
    file.close()
    assert {type(frame) for frame in frames} == {VideoFrame, Encoded}
    assert all(frame.width <= limits[0] for frame in frames if isinstance(frame, VideoFrame))
    assert all(frame.kind == "audio" for frame in frames if isinstance(frame, Encoded))


def test_a_file_for_a_wide_path_only_is_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "wide.webm"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libvpx", rate=RATE, width=640, height=480, pix_fmt="yuv420p")
        video.codec_context.bit_rate = 8_000_000
        video.codec_context.options = {"deadline": "realtime", "cpu-used": "8", "qmin": "0", "qmax": "2"}
        for number in range(RATE):
            picture = VideoFrame(640, 480, "yuv420p")
            noise = (number * 7919).to_bytes(4, "big") + bytes(range(251))
            for plane in picture.planes:
                plane.update((noise * (plane.buffer_size // len(noise) + 1))[number : number + plane.buffer_size])
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
    assert path.stat().st_size * 8 > MAX_BITS_PER_SECOND
    played = MediaFile(path, Media.VIDEO, 640, 480, RATE)
    assert isinstance(played.read(), VideoFrame)
    played.close()


async def test_a_file_that_is_played_once_ends(tmp_path: Path) -> None:
    path = make_webm(tmp_path / "once.webm")
    async with connected() as legs:
        player = FilePlayer(path, turns=1)
        arriving = asyncio.create_task(frames_at(legs.callee, Media.VIDEO, RATE))
        await player.attach(legs.caller, Media.BOTH, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            await player.ended.wait()
        assert [frame.data for frame in await arriving] == packets_in(path, "video")
        assert legs.caller.connected
        await player.detach()
