"""A thread that reads an IP camera."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av import AudioFrame, VideoFrame
from av.container import InputContainer
from av.video import VideoStream

from peer.media.camera_address import can_be_read, reason_of
from peer.media.decoding import SoundBlocks, decode, refuse_huge
from peer.media.picture.black import BLACK_SECONDS, black
from peer.media.picture.size import Fitting
from peer.media.sound.types import SAMPLE_RATE, SAMPLES
from peer.transport.profile import MEDIA, Kind
from shared.errors import MediaError
from shared.in_thread import in_thread_to_its_end
from shared.media import Media

logger = logging.getLogger(__name__)

RETRY_SECONDS = (0.5, 8.0)
"The first and the longest pause before a lost camera is tried again. Each pause is twice the one before."

AWAY_SECONDS = 2.0
"The camera counts as away after this long without a picture or sound."

LEAVE_SECONDS = 0.5
"How long the end of a call waits for the thread."

CLOCK = 90_000

GAP_SECONDS = 0.2
"How far the timestamps of sound may drift from its arrival before the arrival times count instead."

AHEAD_SECONDS = 1.0
"Sound that is further ahead of its arrival than this is dropped: it comes faster than it can be played."

BREATH_SECONDS = 0.01
"How long the thread waits after such sound before it reads on."


class CameraReader:
    """A thread that reads a camera, and continues when the camera comes back.

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
        """`limits` are width, height and pictures per second. `put` is called in the event loop with every frame.

        `away` is called in the event loop too: with the reason when the camera is away, and with None when it is back.
        """
        self.kinds: asyncio.Future[set[Kind]] = asyncio.get_running_loop().create_future()
        """The wanted kinds of media that the camera has, once it is connected. Otherwise the MediaError of the first
        try."""

        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        "Gets a MediaError if the thread ends for a reason that isn't the camera's."

        # If nobody awaits them, asyncio must not complain about their exceptions.
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
        "When the next picture is due. Earlier pictures are dropped."

        self._size: tuple[int, int] | None = None
        "The size of the last picture."

        self._last = 0.0
        "When the camera last gave a frame."

        self._away = False
        self._pause = RETRY_SECONDS[0]
        "The pause before the next try. It starts again at the shortest once the camera has given a frame."

        self._sound = CameraSound()
        self._thread = threading.Thread(target=self._run, name="ip camera", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop reading. The thread lets go of the connection when FFmpeg returns."""
        self._stopping.set()
        await in_thread_to_its_end(lambda: self._thread.join(LEAVE_SECONDS))

    def _run(self) -> None:
        try:
            self._keep_reading()
        except Exception as error:
            # The text of an error may contain the address. The lines of code that led to it don't.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("the IP camera's thread broke: %s\n%s", type(error).__name__, where)
            self._tell(self._broke)

    def _keep_reading(self) -> None:
        while not self._stopping.is_set():
            try:
                with contextlib.closing(self._connect()) as container:
                    self._read(container)
                error = MediaError("The IP camera has ended its stream.")
            except MediaError as caught:
                error = caught
            if not self._stopping.is_set():
                self._tell(self._failed, error)
                self._wait(self._pause, error)
            self._pause = min(self._pause * 2, RETRY_SECONDS[1])

    def _read(self, container: InputContainer) -> None:
        """Read until the camera is gone. Raises MediaError if it has none of the wanted media."""
        streams = [
            stream
            for stream in (*container.streams.video[:1], *container.streams.audio[:1])
            if MEDIA["video" if stream.type == "video" else "audio"] in self._media and can_be_read(stream)
        ]
        if not streams:
            raise MediaError(f"The IP camera has no {self._media.words}.")
        for stream in streams:
            if isinstance(stream, VideoStream):
                refuse_huge(stream)
        self._pixel = next((video.sample_aspect_ratio for video in container.streams.video[:1]), None)
        kinds: set[Kind] = {"video" if stream.type == "video" else "audio" for stream in streams}
        self._tell(self._connected, kinds)
        try:
            for packet in container.demux(*streams):
                if self._stopping.is_set():
                    return
                for frame in decode(packet):
                    self._frame(frame)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(
                f"The IP camera has gone{f': {reason}' if (reason := reason_of(error)) else ''}."
            ) from None

    def _frame(self, frame: AudioFrame | VideoFrame) -> None:
        self._last = now = self._now
        self._pause = RETRY_SECONDS[0]
        if self._away:
            # Only a frame counts: a camera that accepts each connection and shows nothing is still away.
            self._away = False
            logger.info("the IP camera is back")
            self._tell(self._tell_away, None)
        if isinstance(frame, AudioFrame):
            if self._sound.ahead(now):
                self._stopping.wait(BREATH_SECONDS)
                return
            for block in self._sound.blocks(frame, now):
                self._tell(self._put, "audio", block)
            return
        # A tenth of a step early is fine: pictures don't come to the millisecond.
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
        """Wait before the next try, with a black picture meanwhile.

        A camera that gives one picture per connection doesn't count as away during the pause.
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
        """Report the first failure to the code that waits for the camera. Later failures only lead to another try."""
        if not self.kinds.done():
            self.kinds.set_exception(error)
            self._stopping.set()

    def _broke(self) -> None:
        error = MediaError("Reading the IP camera broke.", "See the program's log.")
        for future in (self.kinds, self.broken):
            if not future.done():
                future.set_exception(error)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function in the event loop, unless the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._stopping.set()


class CameraSound:
    """A camera's sound, in any format, cut into blocks of 20 ms."""

    def __init__(self) -> None:
        self._blocks = SoundBlocks()
        self._position = 0

    def ahead(self, now: float) -> bool:
        """Whether more sound has come than could be played until `now`."""
        return self._position > (now + AHEAD_SECONDS) * SAMPLE_RATE

    def blocks(self, frame: AudioFrame, now: float) -> Iterator[AudioFrame]:
        """The blocks that this frame completes. It arrived at `now`, in seconds from the start."""
        self._blocks.put(frame)
        due = round(now * SAMPLE_RATE) - self._blocks.waiting
        if abs(due - self._position) > GAP_SECONDS * SAMPLE_RATE:
            self._position = max(due, self._position)
        while (block := self._blocks.take()) is not None:
            block.pts, block.time_base = self._position, Fraction(1, SAMPLE_RATE)
            self._position += SAMPLES
            yield block
