from __future__ import annotations

import asyncio
import itertools
import struct
import wave
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av import AudioFrame, VideoFrame

from peer.media.endpoints.file import FilePlayer
from peer.media.endpoints.pattern import Bars
from peer.media.media_file import MediaFile
from peer.media.rtp.encoded import Encoded
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError
from shared.media import Media
from tests.peer.media.tone import SAMPLE_RATE, hertz, left_channel, sine, time_of
from tests.peer.pair import connected

TONE = 600


def make_wave(path: Path, samples: bytes) -> Path:
    """Make a file with sound only, mono and uncompressed."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples)
    return path


def make_video(path: Path, *, sound: bool = True) -> Path:
    """Make a file with a second of the test pattern and half a second of sound, in codecs that calls don't use."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=15, width=160, height=120, pix_fmt="yuv420p")
        audio = file.add_stream("flac", rate=SAMPLE_RATE, layout="mono") if sound else None
        bars = Bars(160, 120)
        for number in range(15):
            picture = bars.draw(number * 4, float(number))
            picture.pts, picture.time_base = number, Fraction(1, 15)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        if audio is not None:
            for number in range(25):
                frame = AudioFrame("s16", "mono", 960)
                frame.planes[0].update(sine(TONE, 960, number * 960))
                frame.pts, frame.sample_rate, frame.time_base = number * 960, SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
                file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with half a second of sound and a second of pictures."""
    return make_video(tmp_path_factory.mktemp("media") / "both.mkv")


def opened(path: Path, media: Media = Media.BOTH) -> MediaFile:
    return MediaFile(path, media, 640, 480, 15)


def read(file: MediaFile, count: int) -> Iterator[AudioFrame | VideoFrame]:
    for _ in range(count):
        frame = file.read()
        assert not isinstance(frame, Encoded)
        yield frame
    file.close()


def test_sound_goes_on_from_the_end_to_the_start_without_a_seam(tmp_path: Path) -> None:
    # Whole periods, so that the loop has no seam of its own, and not a whole number of frames of 20 ms.
    frames = list(read(opened(make_wave(tmp_path / "tone.wav", sine(TONE, 24_480))), 110))
    assert [frame.pts for frame in frames] == [number * 960 for number in range(110)]
    assert all(isinstance(frame, AudioFrame) and frame.samples == 960 for frame in frames)
    samples = [sample for frame in frames if isinstance(frame, AudioFrame) for sample in left_channel(frame)]
    assert max(abs(a - b) for a, b in itertools.pairwise(samples)) < 1_000
    assert hertz(frame for frame in frames if isinstance(frame, AudioFrame)) == pytest.approx(TONE, abs=0.5)


def test_sound_and_pictures_start_again_together(video: Path) -> None:
    frames = list(read(opened(video), 150))
    times = {kind: [time_of(frame) for frame in frames if isinstance(frame, kind)] for kind in (AudioFrame, VideoFrame)}
    assert len(times[VideoFrame]) > 3 * 15
    for before, after in itertools.pairwise(times[VideoFrame]):
        assert after - before == pytest.approx(1 / 15, abs=0.01)
    for before, after in itertools.pairwise(times[AudioFrame]):
        assert after - before == pytest.approx(0.02, abs=0.001) or after - before > 0.4, "a pause of half a second"
    starts = [after for before, after in itertools.pairwise(times[AudioFrame]) if after - before > 0.1]
    assert starts == pytest.approx([number + 1.0 for number in range(len(starts))], abs=0.03)


def test_only_what_is_wanted_is_decoded(video: Path) -> None:
    assert all(isinstance(frame, AudioFrame) for frame in read(opened(video, Media.AUDIO), 30))
    assert all(isinstance(frame, VideoFrame) for frame in read(opened(video, Media.VIDEO), 30))


def test_large_and_fast_pictures_are_made_to_fit(video: Path) -> None:
    file = MediaFile(video, Media.VIDEO, 80, 80, 10)
    frames = [frame for frame in read(file, 20) if isinstance(frame, VideoFrame)]
    assert {(frame.width, frame.height) for frame in frames} == {(80, 60)}
    assert frames[-1].time == pytest.approx(1.9, abs=0.1)


async def test_the_other_side_hears_and_sees_the_file_in_real_time(video: Path) -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        sound, pictures = await legs.callee.receive("audio"), await legs.callee.receive("video")
        player = FilePlayer(video)
        start = asyncio.get_running_loop().time()
        await player.attach(legs.caller, Media.BOTH, legs.tasks)
        heard = [await sound.recv() for _ in range(22)]
        seen = [await pictures.recv() for _ in range(17)]
        took = asyncio.get_running_loop().time() - start
        await player.detach()
        await legs.callee.stop_receiving("audio")
        await legs.callee.stop_receiving("video")
        assert asyncio.all_tasks() <= before
    assert hertz(frame for frame in heard[5:] if isinstance(frame, AudioFrame)) == pytest.approx(TONE, abs=1)
    assert isinstance(seen[0], VideoFrame)
    assert (seen[0].width, seen[0].height) == (160, 120)
    assert took > 16 / 15 - 0.05


async def test_a_new_leg_goes_on_where_the_old_one_was_lost(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        # A tenth of a second of one tone, then another tone.
        path = make_wave(tmp_path / "tones.wav", sine(600, 4_800) + sine(1_200, 5 * SAMPLE_RATE))
        player = FilePlayer(path)
        for count in (1, 20):
            async with connected() as legs:
                sound = await legs.callee.receive("audio")
                await player.attach(legs.caller, Media.AUDIO, tasks)
                frames = [await sound.recv() for _ in range(count)]
        await player.detach()
        assert hertz(frame for frame in frames[2:] if isinstance(frame, AudioFrame)) == pytest.approx(1_200, abs=1)


async def test_a_file_that_is_gone_at_its_end_ends_the_track_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_wave(tmp_path / "tone.wav", sine(TONE, 60_000))
    async with connected() as legs:
        sound = await legs.callee.receive("audio")
        told: list[MediaTrouble] = []
        player = FilePlayer(path, tell=told.append)
        await player.attach(legs.caller, Media.AUDIO, legs.tasks)
        await sound.recv()
        path.unlink()
        # 1.25 seconds, because a receiver holds back the last packets.
        for _ in range(50):
            await sound.recv()
        await player.detach()
        assert legs.caller.connected
    assert "playing has stopped: There is no file" in caplog.text
    (trouble,) = told
    assert "The file isn't played any more. There is no file" in trouble.sentence
    assert trouble.hint
    assert trouble.sends is Media.NONE


def huge_picture(path: Path, side: int) -> Path:
    """Make a black and white PNG (RFC 2083) with sides of that many pixels. It compresses well."""
    rows = zlib.compress(bytes((1 + (side + 7) // 8) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    written = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


def test_a_picture_that_is_far_too_large_is_refused_and_a_large_one_is_shown(tmp_path: Path) -> None:
    shown = MediaFile(huge_picture(tmp_path / "large.png", 2_000), Media.VIDEO, 640, 480, 15)
    frame = shown.read()
    shown.close()
    assert isinstance(frame, VideoFrame)
    assert max(frame.width, frame.height) <= 640
    with pytest.raises(MediaError, match="can be played") as refused:
        MediaFile(huge_picture(tmp_path / "huge.png", 4_200), Media.VIDEO, 640, 480, 15)
    assert "too large" in (refused.value.hint or "")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"There is no file .*gone\.mkv"):
        opened(tmp_path / "gone.mkv")
    with pytest.raises(MediaError, match="is not a file"):
        opened(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 5_000, b"this is a text\n" * 100, bytes(range(256)) * 50])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.mkv"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        opened(path)


def test_what_the_call_does_not_carry_is_not_played(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="There is no audio to play"):
        opened(make_video(tmp_path / "silent.mkv", sound=False), Media.AUDIO)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_file_with_a_damaged_part_plays_as_far_as_it_can(tmp_path: Path, video: Path, part: float) -> None:
    path = tmp_path / "damaged.mkv"
    content = bytearray(video.read_bytes())
    at = round(len(content) * part)
    content[at : at + 500] = bytes(500)
    path.write_bytes(content)
    for frame in read(opened(path), 60):
        assert time_of(frame) >= 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile other.ts\n"),
        ("letter.txt", "Dear Anna\n" * 50),
    ],
)
def test_a_list_of_other_files_or_a_text_shows_nothing_of_them(tmp_path: Path, name: str, content: str) -> None:
    with av.open(str(tmp_path / "other.ts"), "w") as other:
        stream = other.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(10):
            other.mux(stream.encode(VideoFrame(64, 64, "yuv420p")))
        other.mux(stream.encode(None))
    assert opened(tmp_path / "other.ts").kinds == {"video"}
    (tmp_path / name).write_text(content)
    with pytest.raises(MediaError):
        opened(tmp_path / name)


async def test_a_playlist_reaches_nothing_on_the_network(tmp_path: Path) -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/a.ts"
        lists = {
            "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
            "list.ffconcat": f"ffconcat version 1.0\nfile {address}\n",
            "list.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
        }
        for name, content in lists.items():
            path = tmp_path / name
            path.write_text(content)
            with pytest.raises(MediaError):
                await asyncio.to_thread(opened, path)
    assert asked == 0
