"""A media file as frames: decoded, or still encoded if the call can carry them as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av import AudioFrame, VideoFrame
from av.audio import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video import VideoStream

from peer.media.decoding import MAX_PIXELS, SoundBlocks, decode, refuse_huge
from peer.media.picture.size import Filters, Fitting, tagged_way_up, way_up
from peer.media.rtp import opus
from peer.media.rtp.depacketizer import key_frame_size
from peer.media.rtp.encoded import Encoded, needs_no_conversion
from peer.media.sound.types import SAMPLE_RATE, SAMPLES
from peer.transport.profile import Kind
from shared.errors import MediaError
from shared.media import Media

AUDIO_TIME = Fraction(1, SAMPLE_RATE)
VIDEO_TIME = Fraction(1, 90_000)

GAP = 0.04
"A gap in the sound is kept if it lasts at least this many seconds. Shorter gaps are rounding errors."

SHORTEST_PICTURE = 1 / 240
"The least number of seconds that a picture is shown, so that each pass through the file takes some time."

NO_MEDIA = frozenset({"adf", "bin", "concat", "dash", "hls", "idf", "imf", "tty", "xbin"})
"FFmpeg's names of the formats that open other files on this machine, or show text as pictures."

NO_MEDIA_HINT = "It is damaged, or no sound or video file; choose another one."

Played = AudioFrame | VideoFrame | Encoded


class MediaFile:
    """A media file that is read over and over, with timestamps that only grow.

    Frames that a call can carry as they are aren't decoded. The methods block, and one thread at a time may call them.
    """

    def __init__(
        self, path: Path, media: Media, width: int, height: int, rate: int, *, turns: int | None = None
    ) -> None:
        """Open the file and read its first frame.

        Raises MediaError with a sentence that says what is wrong with the file.

        Pictures larger than `width` and `height` are made smaller. At most `rate` decoded pictures a second are given.
        `turns` is how many times the file is played; None: without end.
        """
        self._path = path
        self._media = media
        self._box = width, height
        self._fitting = Fitting(width, height)
        self._pixel: Fraction | None = None
        "The width of a pixel divided by its height."

        self._step = 1 / rate
        self._turns = turns
        self._upright: bool | None = None
        "Whether pictures are upright as they are in the file. None: not known yet."

        self._tagged: Filters = ()
        "What turns pictures as a tag of the file says."

        self._unconverted: set[Kind] = set()
        "The kinds of media that aren't decoded."
        self._turn = 0.0
        "When this pass through the file began, in seconds from the first start."
        self._picture_end = 0.0
        "When the last picture ends, in seconds from the first start."
        self._next_picture = 0.0
        "When the next picture is due, in seconds from the first start. Earlier pictures are dropped."
        self._samples = 0
        "When the next audio frame begins, in samples from the first start."
        self._blocks = SoundBlocks()
        self._container: InputContainer | None = None
        self._streams: list[AudioStream | VideoStream] = []
        self._first = 0.0
        "The file's own timestamp of its beginning, in seconds."
        self._frames = self._play()
        self._ahead: Played | None = None
        try:
            self._ahead = self.read()
        except BaseException:
            self.close()
            raise

    @property
    def kinds(self) -> set[Kind]:
        """The wanted kinds of media that the file has."""
        return {_kind(stream) for stream in self._streams}

    @property
    def ended(self) -> bool:
        """Whether the file has been played `turns` times."""
        return self._turns == 0

    def read(self) -> Played:
        """The next frame: 20 ms of 48 kHz stereo, a picture, or a frame of either kind that is still encoded.

        Its `time` says when it is due, in seconds from the first start. Sound and pictures are each in order. Raises
        MediaError if a whole pass through the file gave nothing, or if the file has ended.
        """
        ahead, self._ahead = self._ahead, None
        frame = ahead or next(self._frames, None)
        if frame is None:
            raise MediaError(f"Nothing in {self._path} can be played.", _what_to_do(self._path))
        return frame

    def close(self) -> None:
        """Close the file."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _open(self) -> None:
        """Open the file.

        Each pass opens it again, because not every kind of file can be rewound exactly to its start.
        """
        self.close()
        self._container = _open(self._path)
        self._streams = _choose_streams(self._container, self._media)
        if not self._streams:
            raise MediaError(f"There is no {self._media.words} to play in {self._path}.", "Choose another file.")
        videos = [stream for stream in self._streams if isinstance(stream, VideoStream)]
        self._pixel = videos[0].sample_aspect_ratio if videos else None
        self._tagged = tagged_way_up(videos[0].metadata) if videos else ()
        self._first = (self._container.start_time or 0) / av.time_base
        seconds = (self._container.duration or 0) / av.time_base
        rate = self._container.size * 8 / seconds if seconds else None
        self._unconverted = {_kind(stream) for stream in self._streams if needs_no_conversion(stream, self._box, rate)}
        if "video" in self._unconverted:
            if self._upright is None:
                self._upright = not self._tagged and _is_upright(self._path)
            if not self._upright:
                self._unconverted.remove("video")

    def _play(self) -> Iterator[Played]:
        while not self.ended:
            self._open()
            for packet in self._packets():
                if _kind(packet.stream) in self._unconverted:
                    yield from self._encoded(packet)
                    continue
                for frame in decode(packet):
                    yield from self._sound(frame) if isinstance(frame, AudioFrame) else self._picture(frame)
            # The next pass begins when both the sound and the pictures have ended.
            end = max(self._picture_end, (self._samples + self._blocks.waiting) / SAMPLE_RATE)
            if end <= self._turn:
                return
            self._turn = end
            if self._turns is not None:
                self._turns -= 1

    def _encoded(self, packet: Packet[Stream]) -> Iterator[Encoded]:
        """Give a packet as it is. Leave out empty packets, and pictures before the first key frame."""
        data, kind = bytes(packet), _kind(packet.stream)
        if not data or packet.pts is None:
            return
        position = self._turn + max(0.0, float(packet.pts * packet.time_base) - self._first)
        if kind == "audio":
            self._samples = max(self._samples, round((position + opus.milliseconds(data) / 1000) * SAMPLE_RATE))
            yield Encoded(kind, data, position)
            return
        key = key_frame_size(data) is not None
        if key or self._picture_end > self._turn:
            self._picture_end = max(self._picture_end, position + self._picture_length())
            yield Encoded(kind, data, position, key)

    def _packets(self) -> Iterator[Packet[Stream]]:
        """The packets of one pass. A damaged file ends at the damage."""
        assert self._container is not None
        with contextlib.suppress(av.FFmpegError):
            yield from self._container.demux(*self._streams)

    def _sound(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Cut sound into frames of 20 ms without gaps, also between two passes."""
        if frame.time is not None:
            due = round((self._turn + frame.time - self._first) * SAMPLE_RATE)
            if due - self._samples - self._blocks.waiting > GAP * SAMPLE_RATE:
                if (rest := self._blocks.rest()) is not None:
                    yield self._cut(_padded(rest))
                self._samples = max(self._samples, due)
        self._blocks.put(frame)
        while (cut := self._blocks.take()) is not None:
            yield self._cut(cut)

    def _cut(self, frame: AudioFrame) -> AudioFrame:
        frame.pts, frame.time_base = self._samples, AUDIO_TIME
        self._samples += SAMPLES
        return frame

    def _picture(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Fit a picture to the call. Leave it out if the file has more pictures per second than the call takes."""
        # Raw streams have no timestamps: each picture follows the one before.
        if frame.pts is None:
            position = max(self._turn, self._picture_end)
        else:
            position = self._turn + max(0.0, frame.time - self._first)
        self._picture_end = max(self._picture_end, position + self._picture_length())
        # A tenth of a step early is fine: timestamps are rounded.
        if position < self._next_picture - self._step / 10:
            return
        self._next_picture = max(self._next_picture + self._step, position)
        fitted = self._fitting.fit(frame, self._pixel, self._tagged)
        fitted.pts, fitted.time_base = round(position / VIDEO_TIME), VIDEO_TIME
        yield fitted

    def _picture_length(self) -> float:
        """How long a picture is shown, in seconds."""
        rate = next(stream.average_rate for stream in self._streams if isinstance(stream, VideoStream))
        return max(float(1 / rate), SHORTEST_PICTURE) if rate else self._step


def _kind(stream: Stream) -> Kind:
    return "audio" if isinstance(stream, AudioStream) else "video"


def _what_to_do(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        head = file.read(21)
        if head[8:16] == b"WEBPVP8X" and head[20] & 2:  # developers.google.com/speed/webp/docs/riff_container
            return "It is an animated WebP, which can't be played. Convert it to WebM, MP4 or GIF."
    return "It may be damaged, or its pictures too large; choose another file."


def _open(path: Path) -> InputContainer:
    """Open a file and nothing else. A playlist, for example, must not make FFmpeg connect to the network."""
    try:
        # FFmpeg would wait for a pipe or a device.
        if path.exists() and not path.is_file():
            raise MediaError(f"{path} is not a file.")
        options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
        container = av.open(f"file:{path}", "r", options=options, metadata_errors="replace")
    except FileNotFoundError as error:
        raise MediaError(f"There is no file {path}.") from error
    except PermissionError as error:
        raise MediaError(f"{path} may not be read.", "Change its permissions.") from error
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path} can't be played.", NO_MEDIA_HINT) from error
    if NO_MEDIA.isdisjoint(container.format.name.split(",")):
        return container
    container.close()
    raise MediaError(f"{path} is a text or a list of files.", NO_MEDIA_HINT)


def _is_upright(path: Path) -> bool:
    """Whether the first picture needs no turning. The packets of a call can't say which way is up."""
    with _open(path) as container:
        streams = _choose_streams(container, Media.VIDEO)
        with contextlib.suppress(av.FFmpegError):
            for packet in container.demux(*streams):
                for frame in decode(packet):
                    return not (isinstance(frame, VideoFrame) and way_up(frame))
    return True


def _choose_streams(container: InputContainer, media: Media) -> list[AudioStream | VideoStream]:
    """The first stream of each wanted kind that can be decoded. A song's cover doesn't count as video."""
    chosen: list[AudioStream | VideoStream] = []
    if Media.AUDIO in media:
        chosen += [stream for stream in container.streams.audio if stream.codec_context is not None][:1]
    if Media.VIDEO in media:
        for stream in container.streams.video:
            if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
                refuse_huge(stream)
                chosen.append(stream)
                break
    return chosen


def _padded(frame: AudioFrame) -> AudioFrame:
    """The same sound, padded with silence to 20 ms."""
    whole = AudioFrame("s16", "stereo", SAMPLES)
    whole.sample_rate = SAMPLE_RATE
    data = bytes(frame.planes[0])[: frame.samples * 4]
    whole.planes[0].update(data.ljust(SAMPLES * 4, b"\0"))
    return whole
