"""An IP camera: GStreamer's RTSP server, and cameras over HTTP made by hand."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import pytest
from av import AudioFrame, VideoFrame
from av.container import InputContainer

from peer.media.camera_address import open_camera
from peer.media.camera_reader import CameraSound
from peer.media.ending import end
from peer.media.endpoints.ip_camera import IpCamera
from peer.media.sound.types import SAMPLE_RATE
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError
from shared.media import Media
from tests.peer.media.ip_camera import GREY, PASSWORD, SIZE, TONE, IpCameraForTests, film
from tests.peer.media.tone import hertz
from tests.peer.pair import PATIENCE, connected

BLACK = 16


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mkv")


@pytest.fixture
def camera(filmed: Path) -> IpCameraForTests:
    return IpCameraForTests(filmed)


def luma(frame: object) -> int:
    """The luma in the middle of a picture."""
    assert isinstance(frame, VideoFrame)
    plane = frame.reformat(format="yuv420p").planes[0]
    return bytes(plane)[plane.line_size * (plane.height // 2) + plane.width // 2]


async def test_the_other_side_sees_and_hears_what_the_camera_does(camera: IpCameraForTests) -> None:
    async with camera.on(), connected() as legs:
        before = asyncio.all_tasks()
        sound, pictures = await legs.callee.receive("audio"), await legs.callee.receive("video")
        endpoint = IpCamera(camera.address)
        await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            picture = await pictures.recv()
            heard = [await sound.recv() for _ in range(50)]
        await endpoint.detach()
        await endpoint.detach()
        for kind in ("audio", "video"):
            await legs.callee.stop_receiving(kind)
        assert asyncio.all_tasks() <= before
    assert isinstance(picture, VideoFrame)
    assert (picture.width, picture.height) == SIZE
    assert luma(picture) == pytest.approx(GREY, abs=3)
    assert hertz(frame for frame in heard[10:] if isinstance(frame, AudioFrame)) == pytest.approx(TONE, abs=1)


async def test_a_camera_that_goes_and_comes_back_is_survived(
    camera: IpCameraForTests, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "peer")
    async with connected() as legs:
        pictures = await legs.callee.receive("video")
        told: list[MediaTrouble] = []
        endpoint = IpCamera(camera.address, rate=5, tell=told.append)
        async with asyncio.timeout(60):
            async with camera.on():
                await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
                await until(pictures, GREY)
            # A still picture must not look like the present.
            await until(pictures, BLACK)
            async with camera.on():
                await until(pictures, GREY)
        assert legs.caller.connected
        await endpoint.detach()
    assert "The IP camera can't be reached" in caplog.text
    assert "the IP camera is back" in caplog.text
    assert PASSWORD not in caplog.text
    assert f":{camera.port}" not in caplog.text
    gone, back = told
    assert gone.sentence.endswith("They can't see or hear it.")
    assert gone.hint
    assert (gone.sends, back.sends) == (Media.NONE, Media.BOTH)
    assert PASSWORD not in f"{told}"
    assert f":{camera.port}" not in f"{told}"


async def test_a_camera_that_falls_silent_is_taken_to_be_gone_until_it_speaks_again(camera: IpCameraForTests) -> None:
    async with camera.on() as process, connected() as legs:
        pictures = await legs.callee.receive("video")
        endpoint = IpCamera(camera.address, rate=5)
        await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        async with asyncio.timeout(60):
            await until(pictures, GREY)
            process.send_signal(signal.SIGSTOP)
            await until(pictures, BLACK)
            process.send_signal(signal.SIGCONT)
            await until(pictures, GREY)
        await endpoint.detach()


async def until(pictures: object, value: int) -> None:
    """Take pictures until one is this bright."""
    while abs(luma(await pictures.recv()) - value) > 5:  # type: ignore[attr-defined]
        pass


async def test_the_next_leg_goes_on_with_the_same_connection(camera: IpCameraForTests) -> None:
    dialled: list[str] = []

    def connect(address: str) -> InputContainer:
        dialled.append(address)
        return open_camera(address)

    async with asyncio.TaskGroup() as tasks:
        endpoint = IpCamera(camera.address, connect=connect)
        async with camera.on():
            for _ in range(2):
                async with connected() as legs:
                    pictures = await legs.callee.receive("video")
                    await endpoint.attach(legs.caller, Media.BOTH, tasks)
                    async with asyncio.timeout(PATIENCE):
                        await pictures.recv()
            assert dialled == [camera.address]
            await endpoint.detach()


async def test_less_of_it_can_be_sent_at_any_time(camera: IpCameraForTests) -> None:
    endpoint = IpCamera(camera.address)
    async with camera.on(), connected() as legs:
        await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        await endpoint.attach(legs.caller, Media.AUDIO, legs.tasks)
        assert legs.caller.sends("audio")
        assert not legs.caller.sends("video")
        await endpoint.detach()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda address: address.replace(PASSWORD, "wrong"), "refuses the user name or the password"),
        (lambda address: address.replace("/stream", "/nothing"), "can't be reached"),
        (lambda address: address.replace("rtsp:", "http:"), "can't be reached"),
    ],
    ids=["password", "path", "protocol"],
)
async def test_a_camera_that_refuses_is_an_error_without_its_address(
    camera: IpCameraForTests, change: object, sentence: str
) -> None:
    endpoint = IpCamera(change(camera.address))  # type: ignore[operator]
    async with camera.on(), connected() as legs:
        with pytest.raises(MediaError, match=sentence) as raised:
            await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        await endpoint.detach()
    holds_no_secret(raised.value, camera)


async def test_a_camera_that_is_off_is_an_error_without_its_address(camera: IpCameraForTests) -> None:
    async with connected() as legs:
        endpoint = IpCamera(camera.address)
        with pytest.raises(MediaError, match="can't be reached: Connection refused") as raised:
            await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        await endpoint.detach()
    holds_no_secret(raised.value, camera)


def holds_no_secret(error: BaseException, camera: IpCameraForTests) -> None:
    """Check that neither the error's text nor its logged traceback contains a secret."""
    import traceback

    shown = "".join(traceback.format_exception(error)) + repr(error) + getattr(error, "hint", "")
    assert PASSWORD not in shown
    assert f":{camera.port}" not in shown


async def test_who_stops_before_the_camera_answers_does_not_wait_for_it() -> None:
    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(be_silent) as address, connected() as legs:
        endpoint = IpCamera(f"rtsp://{address}/")
        attaching = asyncio.create_task(endpoint.attach(legs.caller, Media.BOTH, legs.tasks))
        await asyncio.sleep(0)
        attaching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attaching
        async with asyncio.timeout(2):
            await endpoint.detach()


OPTIONS = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"", b""),
        (OPTIONS, b""),
        (b"%s/1.0 200 OK\r\n", b"a: b\r\n" * 1000),
        (b"%s/1.0 200 OK\r\na", b"a" * 5000),
        (b"%s/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n", b"\xff"),
    ],
    ids=["silent", "silent after its first answer", "headers without end", "a name without end", "slow"],
)
async def test_a_camera_whose_answers_dont_end_is_given_up(scheme: str, begin: bytes, again: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(begin.replace(b"%s", scheme.upper().encode()))
        while again:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0.1 if len(again) == 1 else 0)  # the pace of a slow camera
        while await reader.read(5000):
            pass

    async with served(answer) as address, connected() as legs:
        endpoint = IpCamera(f"{scheme}://{address}/", connect=partial(open_camera, seconds=1.0))
        with pytest.raises(MediaError, match="can't be reached") as raised:
            async with asyncio.timeout(PATIENCE / 2):
                await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        await endpoint.detach()
    assert raised.value.hint


async def test_a_camera_that_says_nothing_is_said_to_take_too_long() -> None:
    async with served(lambda reader, writer: reader.read()) as address:
        with pytest.raises(MediaError, match="it takes longer than 2 seconds"):
            await asyncio.to_thread(open_camera, f"rtsp://{address}/", seconds=2.0)


@contextlib.asynccontextmanager
async def served(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]],
) -> AsyncIterator[str]:
    """Run a server during the block. Yields its address and port."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handle(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(connected(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for task in tasks:
        await end(task)


def jpeg(value: int) -> bytes:
    """A grey JPEG picture of 64x48."""
    picture = VideoFrame(64, 48, "yuvj420p")
    for plane, level in zip(picture.planes, (value, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    memory = io.BytesIO()
    with av.open(memory, "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", width=64, height=48, pix_fmt="yuvj420p")
        file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return memory.getvalue()


@contextlib.asynccontextmanager
async def http_camera(*, motion: bool) -> AsyncIterator[str]:
    """Run a camera that sends pictures one after the other, or one for each request."""
    picture = jpeg(200)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            if not motion:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n")
                writer.write(f"Content-Length: {len(picture)}\r\n\r\n".encode() + picture)
                await writer.drain()
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
                while True:
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    writer.write(head.encode() + picture + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(1 / 15)

    async with served(serve) as address:
        yield f"http://{address}/video"


async def test_a_camera_that_takes_each_connection_and_shows_nothing_is_gone_and_said_so_once() -> None:
    picture = jpeg(200)
    size = picture.index(b"\xff\xc0") + 5
    broken = picture[:size] + b"\x7f\xff\x7f\xff" + picture[size + 4 :]
    connections, enough = 0, asyncio.Event()
    told: list[MediaTrouble] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        await reader.readuntil(b"\r\n\r\n")
        connections += 1
        shown = picture if connections == 1 else broken
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n")
        writer.write(f"Content-Length: {len(shown)}\r\n\r\n".encode() + shown)
        await writer.drain()
        if connections == 5:
            enough.set()

    async with served(serve) as address, connected() as legs:
        endpoint = IpCamera(f"http://{address}/video", tell=told.append)
        await endpoint.attach(legs.caller, Media.VIDEO, legs.tasks)
        async with asyncio.timeout(60):
            await enough.wait()
        await endpoint.detach()
    assert len(told) == 1


@pytest.mark.parametrize("motion", [True, False], ids=["Motion JPEG", "one picture a request"])
async def test_a_camera_over_http_is_seen_too(motion: bool) -> None:
    async with http_camera(motion=motion) as address, connected() as legs:
        pictures = await legs.callee.receive("video")
        endpoint = IpCamera(address)
        await endpoint.attach(legs.caller, Media.BOTH, legs.tasks)
        async with asyncio.timeout(PATIENCE):
            assert luma(await pictures.recv()) == pytest.approx(16 + 200 * 219 / 255, abs=4)
        assert not legs.caller.sends("audio")
        await endpoint.detach()


async def test_a_camera_without_what_the_call_carries_is_an_error() -> None:
    async with http_camera(motion=True) as address, connected() as legs:
        endpoint = IpCamera(address)
        with pytest.raises(MediaError, match="The IP camera has no audio"):
            await endpoint.attach(legs.caller, Media.AUDIO, legs.tasks)
        await endpoint.detach()


async def test_an_address_leads_to_no_file_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mkv"
    film(secret, 1)
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile 'file:{secret}'\n",
    }
    for content in lists.values():

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: str = content) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode())
            await writer.drain()

        async with served(serve) as address:
            with pytest.raises(MediaError):
                await asyncio.to_thread(first_picture, f"http://{address}/a")


def first_picture(address: str) -> None:
    with open_camera(address) as container:
        try:
            next(container.decode(video=0))
        except (av.FFmpegError, StopIteration, IndexError):
            raise MediaError from None


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/vnd.apple.mpegurl", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/one.ts\n#EXT-X-ENDLIST\n"),
        ("application/dash+xml", b"<MPD><Period/></MPD>"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("text/plain", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        ("audio/x-wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"),
    ],
)
async def test_what_is_no_camera_is_not_opened(kind: str, content: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    async with served(serve) as address:
        with pytest.raises(MediaError, match="The IP camera can't be reached"):
            await asyncio.to_thread(open_camera, f"http://{address}/video")


def test_a_cameras_sound_that_comes_faster_than_it_could_be_played_is_left_out() -> None:
    sound, taken = CameraSound(), 0
    for number in range(2_000):  # 40 seconds of sound within two
        now = number * 0.001
        if not sound.ahead(now):
            frame = AudioFrame("s16", "mono", 160)
            frame.sample_rate, frame.time_base, frame.pts = 8_000, Fraction(1, 8_000), number * 160
            taken += sum(block.samples for block in sound.blocks(frame, now))
    assert 2.0 < taken / SAMPLE_RATE < 4.0


async def test_a_camera_leads_nowhere_else() -> None:
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))

    async with served(elsewhere) as private:

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://{private}/secret\r\n\r\n".encode())
            await writer.drain()

        async with served(redirect) as address:
            with pytest.raises(MediaError, match="The IP camera can't be reached"):
                await asyncio.to_thread(open_camera, f"http://{address}/video")
    assert asked == []


async def test_a_camera_of_another_scheme_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"secret")
    for address in (f"file:{tmp_path}/film.mp4", str(tmp_path / "film.mp4"), "concat:/etc/passwd", "tcp://127.0.0.1:9"):
        with pytest.raises(MediaError, match="The IP camera can't be reached"):
            await asyncio.to_thread(open_camera, address)
