"""An IP camera: what it shows and hears is sent to the other side (RTSP, or pictures over HTTP).

The camera's address may hold a password. It appears in no message, no log and no exception that leaves this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av import AudioFrame, VideoFrame
from av.container import InputContainer
from av.stream import Stream

from peer.media.decoding import SoundBlocks, decode
from peer.media.ending import end
from peer.media.live_track import LiveTrack
from peer.media.picture.black import BLACK_SECONDS, black
from peer.media.picture.size import Fitting
from peer.media.rtp.sending import Sending
from peer.media.sound.types import SAMPLE_RATE, SAMPLES
from peer.media.trouble import MediaTrouble
from peer.transport.profile import MEDIA, Kind
from shared.config.schema import Config
from shared.errors import ConfigError, MediaError
from shared.in_thread import in_thread_to_its_end
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)

OPEN_SECONDS = 6.0
"What a camera may take until it is connected."

SILENCE_SECONDS = 3.0
"A camera that sends nothing for this long has gone. A thread may outlive its endpoint by as much."

RETRY_SECONDS = (0.5, 8.0)
"The first pause before a camera that has gone is tried again, and the longest: each is twice the one before."

AWAY_SECONDS = 2.0
"Without a picture or sound for this long, the camera counts as gone."

LEAVE_SECONDS = 0.5
"How long the end of a call waits for the thread."

CLOCK = 90_000

GAP_SECONDS = 0.2
"How far the position of sound may drift from its arrival before arrival decides."

HTTP_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,image2pipe"

PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "http": "http,tcp",
    "https": "https,http,tcp,tls",
}
"What FFmpeg may open for an address of each scheme: never a file of this machine."

FORMATS = {"rtsp": "rtsp,sdp,rtp", "rtsps": "rtsp,sdp,rtp", "http": HTTP_FORMATS, "https": HTTP_FORMATS}
"What an address of each scheme may hold: no playlists, which lead elsewhere, and none of FFmpeg's other containers."

CODECS = (
    *("h264", "hevc", "mpeg4", "mjpeg"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "aac", "g722", "g726", "g726le", "opus", "libopus"),
)
"What cameras send, RTP's payload formats for them among it; nothing else of FFmpeg's decoders is reached."

MAX_PIXELS = 4096 * 4096
"Of a picture; a decoder refuses larger ones before it makes room for them."


def open_camera(address: str) -> InputContainer:
    """Connect to a camera. Raises MediaError with a sentence that doesn't hold the address."""
    scheme = address.partition(":")[0].lower()
    options = {
        "protocol_whitelist": PROTOCOLS.get(scheme, "none"),
        "format_whitelist": FORMATS.get(scheme, "none"),
        "codec_whitelist": ",".join(CODECS),
        "max_pixels": str(MAX_PIXELS),
        # A camera may not lead anywhere else, least of all to this machine's own services.
        "max_redirects": "0",
        "fpsprobesize": "0",  # else it watches for seconds to find the frame rate, which nobody needs here
        # Over UDP a camera's packets would come to a port of their own.
        **({"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {"reconnect": "0"}),
    }
    try:
        return av.open(
            address, "r", options=options, timeout=(OPEN_SECONDS, SILENCE_SECONDS), metadata_errors="replace"
        )
    except (av.HTTPUnauthorizedError, av.HTTPForbiddenError):
        raise MediaError(
            "The IP camera refuses the user name or the password.", "Check `address` under [camera]."
        ) from None
    except (av.FFmpegError, OSError, ValueError) as error:
        why = _why(error)
        raise MediaError(
            f"The IP camera can't be reached{f': {why}' if why else ''}.",
            "Check `address` under [camera], and that the camera is on.",
        ) from None


def _known(stream: Stream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in CODECS


def _why(error: Exception) -> str:
    """What the system says, without the address that FFmpeg's errors contain."""
    if isinstance(error, av.ExitError):
        return f"nothing came for {SILENCE_SECONDS:.0f} seconds"
    said = error.strerror if isinstance(error, OSError) else ""
    return (said or "").rstrip(".")


class CameraReader:
    """A thread that reads a camera, and continues when it comes back.

    FFmpeg can't be interrupted, so the thread may end some seconds after it was asked to stop.
    """

    def __init__(
        self,
        connect: Callable[[], InputContainer],
        media: Media,
        limits: tuple[int, int, int],
        put: Callable[[Kind, AudioFrame | VideoFrame], None],
        away: Callable[[MediaError | None], None],
    ) -> None:
        """`limits` are width, height and pictures a second. `put` is called in the event loop with every frame.

        `away` is called there too, with why the camera has gone, and with None once it is back.
        """
        self.kinds: asyncio.Future[set[Kind]] = asyncio.get_running_loop().create_future()
        "What the camera has, of what was wanted, once it is connected; else the MediaError that stands in the way."

        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        "Has a MediaError when the thread has ended for a reason that isn't the camera's."

        # Nobody may be waiting for them any more.
        for future in (self.kinds, self.broken):
            future.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._media = media
        self._fitting, self._step = Fitting(*limits[:2]), 1 / limits[2]
        self._pixel: Fraction | None = None
        "The width of a pixel divided by its height."

        self._put = put
        self._tell_away = away
        self._stopping = threading.Event()
        self._begin = time.monotonic()
        self._next_picture = 0.0
        "When the next picture may stand; those before are left out."

        self._size: tuple[int, int] | None = None
        "Of the last picture."

        self._last = 0.0
        "When the camera gave something."

        self._away = False

        self._sound = Sound()
        self._thread = threading.Thread(target=self._run, name="ip camera", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Read no more. What the thread holds is let go of when FFmpeg comes back to it."""
        self._stopping.set()
        await in_thread_to_its_end(lambda: self._thread.join(LEAVE_SECONDS))

    def _run(self) -> None:
        try:
            self._keep_reading()
        except Exception as error:
            # The text of an error may hold the address; the lines of code that led there don't.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("the IP camera's thread broke: %s\n%s", type(error).__name__, where)
            self._tell(self._broke)

    def _keep_reading(self) -> None:
        pause = RETRY_SECONDS[0]
        while not self._stopping.is_set():
            try:
                with contextlib.closing(self._connect()) as container:
                    pause = RETRY_SECONDS[0]
                    self._read(container)
                error = MediaError("The IP camera has ended its stream.")
            except MediaError as caught:
                error = caught
            if not self._stopping.is_set():
                self._tell(self._failed, error)
                self._wait(pause, error)
            pause = min(pause * 2, RETRY_SECONDS[1])

    def _read(self, container: InputContainer) -> None:
        """Read until the camera has gone. Raises MediaError if there is nothing that was wanted."""
        streams = [
            stream
            for stream in (*container.streams.video[:1], *container.streams.audio[:1])
            if MEDIA["video" if stream.type == "video" else "audio"] in self._media and _known(stream)
        ]
        if not streams:
            raise MediaError(f"The IP camera has no {self._media.words}.")
        self._pixel = next((video.sample_aspect_ratio for video in container.streams.video[:1]), None)
        kinds: set[Kind] = {"video" if stream.type == "video" else "audio" for stream in streams}
        self._tell(self._connected, kinds)
        if self._away:
            self._away = False
            logger.info("the IP camera is back")
            self._tell(self._tell_away, None)
        try:
            for packet in container.demux(*streams):
                if self._stopping.is_set():
                    return
                for frame in decode(packet):
                    self._frame(frame)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"The IP camera has gone{f': {why}' if (why := _why(error)) else ''}.") from None

    def _frame(self, frame: AudioFrame | VideoFrame) -> None:
        self._last = now = self._now
        if isinstance(frame, AudioFrame):
            for block in self._sound.blocks(frame, now):
                self._tell(self._put, "audio", block)
            return
        # A tenth earlier will do: they don't come to the millisecond.
        if now < self._next_picture - self._step / 10:
            return
        self._next_picture = max(self._next_picture + self._step, now)
        fitted = self._fitting.fit(frame, self._pixel)
        self._size = fitted.width, fitted.height
        self._show(fitted, now)

    @property
    def _now(self) -> float:
        return time.monotonic() - self._begin

    def _show(self, picture: VideoFrame, now: float) -> None:
        picture.pts, picture.time_base = round(now * CLOCK), Fraction(1, CLOCK)
        self._tell(self._put, "video", picture)

    def _wait(self, pause: float, error: MediaError) -> None:
        """Wait before the next try, showing that there is nothing to see. A camera that gives one picture for each
        connection isn't away meanwhile.
        """
        until = self._now + pause
        while not self._stopping.wait(max(0.0, min(BLACK_SECONDS, until - self._now))):
            if self._now - self._last > AWAY_SECONDS:
                if not self._away:
                    self._away = True
                    logger.warning("%s", error.sentence)
                    self._tell(self._tell_away, error)
                if self._size is not None:
                    self._show(black(*self._size), self._now)
            if self._now >= until:
                break

    def _connected(self, kinds: set[Kind]) -> None:
        if not self.kinds.done():
            self.kinds.set_result(kinds)

    def _failed(self, error: MediaError) -> None:
        """The first time, the code that waits for the camera gets the error; later the camera is only tried again."""
        if not self.kinds.done():
            self.kinds.set_exception(error)
            self._stopping.set()

    def _broke(self) -> None:
        error = MediaError("Reading the IP camera broke.", "See the program's log.")
        for future in (self.kinds, self.broken):
            if not future.done():
                future.set_exception(error)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function in the event loop, as long as there is one."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._stopping.set()


class Sound:
    """A camera's sound, whatever its form, cut into blocks of 20 ms."""

    def __init__(self) -> None:
        self._blocks = SoundBlocks()
        self._position = 0

    def blocks(self, frame: AudioFrame, now: float) -> Iterator[AudioFrame]:
        """The blocks that are complete with a frame that arrives `now`, in seconds from the start."""
        self._blocks.put(frame)
        due = round(now * SAMPLE_RATE) - self._blocks.waiting
        if abs(due - self._position) > GAP_SECONDS * SAMPLE_RATE:
            self._position = max(due, self._position)
        while (block := self._blocks.take()) is not None:
            block.pts, block.time_base = self._position, Fraction(1, SAMPLE_RATE)
            self._position += SAMPLES
            yield block


class IpCamera:
    """Sends what an IP camera sees and hears; what arrives is not decoded.

    The camera stays connected from leg to leg of a call. When it goes the picture turns black until it comes back, and
    the owner learns both.
    """

    name = "camera"

    def __init__(
        self,
        address: str,
        width: int = 640,
        height: int = 480,
        rate: int = 15,
        *,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
    ) -> None:
        """`address` may hold a password. Limits of the pictures: pixels, and frames a second.

        `tell` is called when the camera goes or comes back.
        """
        self._connect = lambda: open_camera(address)
        self._limits = width, height, rate
        self._tell = tell
        self._media = Media.NONE
        self._reader: CameraReader | None = None
        self._tracks: dict[Kind, LiveTrack] = {}
        self._watching: asyncio.Task[None] | None = None
        self._sending = Sending()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Show the camera on this leg, and no longer on the one before. Raises MediaError when it can't be reached."""
        await self._sending.stop()
        if media & ~self._media:
            await self._close()
        if self._reader is None:
            self._media = media
            self._reader = CameraReader(self._connect, media, self._limits, self._on_frame, self._on_away)
            self._watching = tasks.create_task(_notice_end(self._reader))
        kinds = await asyncio.shield(self._reader.kinds)
        self._tracks = {kind: LiveTrack(kind) for kind in sorted(kinds) if MEDIA[kind] in media}
        await self._sending.start(leg, self._tracks.values(), tasks)

    async def detach(self) -> None:
        """Let go of the camera."""
        await self._sending.stop()
        await self._close()

    async def _close(self) -> None:
        watching, self._watching = self._watching, None
        await end(watching)
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()

    def _on_frame(self, kind: Kind, frame: AudioFrame | VideoFrame) -> None:
        if kind in self._tracks:
            self._tracks[kind].put(frame)

    def _on_away(self, why: MediaError | None) -> None:
        if why is None:
            sends = Media.NONE
            for kind in self._tracks:
                sends |= MEDIA[kind]
            self._tell(MediaTrouble("Your IP camera is back.", sends=sends))
        else:
            hint = "It is tried again until it is back; check that it is on."
            self._tell(MediaTrouble(f"{why.sentence} They can't see or hear it.", hint, sends=Media.NONE))


async def _notice_end(reader: CameraReader) -> None:
    """Fail when the thread does."""
    await asyncio.shield(reader.broken)


def make(config: Config, recordings: Path, context: CallContext) -> IpCamera:
    """As configured, for one call. Raises ConfigError when none is."""
    settings = config.media
    if not config.camera.address:
        raise ConfigError("No IP camera is configured.", "Set `address` under [camera].", key="camera.address")
    return IpCamera(config.camera.address, settings.width, settings.height, settings.fps, tell=context.trouble)
