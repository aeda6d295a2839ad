"""Sends the sound and pictures of a file without decoding them, if the file has them in the call's own format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
from av import CodecContext, VideoFrame
from av.audio import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video import VideoStream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from peer.media.rtp import opus
from peer.transport.profile import CLOCK_RATES, OPUS, Kind
from shared.in_thread import in_thread_to_its_end

MAX_BITS_PER_SECOND = 1_500_000
"The highest bit rate of a file whose pictures are sent as they are. No encoder can shrink them for a narrow path."

MAX_GROUP_BYTES = 8 * 1024 * 1024
"How many bytes of pictures are kept since the last key frame."

PATIENCE = 0.5
"Seconds after a key frame during which none is made: the last one may still be on its way."


@dataclass(frozen=True, slots=True)
class Encoded:
    """One VP8 picture, or an Opus packet, usually of 20 ms."""

    kind: Kind
    data: bytes
    time: float
    "When the frame is due, in seconds from the first start of the file."

    key: bool = True
    "Whether it can be decoded without earlier frames."

    def packet(self) -> Packet[Stream]:
        """The frame as a packet for a sender."""
        packet = Packet(self.data)
        packet.time_base = Fraction(1, CLOCK_RATES[self.kind])
        packet.pts = round(self.time * CLOCK_RATES[self.kind])
        return packet


def needs_no_conversion(
    stream: AudioStream | VideoStream, size: tuple[int, int], bits_per_second: float | None
) -> bool:
    """Whether a call can carry this stream as it is: Opus (RFC 7587), or VP8 (RFC 7741) within the limits.

    The limits are `size` and MAX_BITS_PER_SECOND. `bits_per_second` is the whole file's bit rate, None if the file
    doesn't say how long it is.
    """
    if isinstance(stream, AudioStream):
        head = stream.codec_context.extradata or b""
        return stream.codec_context.name in (OPUS.name, OPUS.library) and opus.plain(head)
    context = stream.codec_context
    # A player shows non-square pixels wider or narrower; a browser in a call doesn't.
    square = stream.sample_aspect_ratio in (None, 0, 1)
    fits = square and 0 < context.width <= size[0] and 0 < context.height <= size[1]
    return context.name in ("vp8", "libvpx") and fits and 0 < (bits_per_second or 0) <= MAX_BITS_PER_SECOND


class VP8Pictures:
    """The VP8 pictures of a file on their way to a sender.

    Someone who starts watching in the middle, or has lost a picture, needs a key frame. If the file has none at that
    place, pictures are decoded and encoded again until the file's next key frame.
    """

    def __init__(self) -> None:
        self._group: list[Encoded] = []
        "The pictures since the last key frame."

        self._size = 0
        self._wanted = False
        self._last = -1
        self._decoder: VideoCodecContext | None = None
        "Decodes pictures until the next key frame. None while pictures are sent as they are."

    def _packet(self, picture: Encoded) -> Packet[Stream]:
        packet = picture.packet()
        # A receiver would take two pictures with the same timestamp for one (RFC 7741, section 4.1).
        self._last = max(packet.pts or 0, self._last + 1)
        packet.pts = self._last
        return packet

    def want_key_frame(self) -> None:
        """Note that the other side needs a key frame."""
        self._wanted = True

    async def next(self, picture: Encoded) -> Packet[Stream] | VideoFrame | None:
        """What to send for the file's next picture. None if the decoder shows nothing for it."""
        if picture.key:
            self._group, self._size, self._decoder = [], 0, None
        start = self._group[0].time if self._group else picture.time
        self._keep(picture)
        wanted, self._wanted = self._wanted, False
        if wanted and self._decoder is None and self._group and picture.time - start > PATIENCE:
            self._decoder = _decoder()
            return await in_thread_to_its_end(lambda: self._decode(tuple(self._group)))
        if self._decoder is None:
            return self._packet(picture)
        return await in_thread_to_its_end(lambda: self._decode((picture,)))

    def _keep(self, picture: Encoded) -> None:
        self._group.append(picture)
        self._size += len(picture.data)
        if self._size > MAX_GROUP_BYTES:
            # The group is too large to decode at once. The other side has to wait for the file's next key frame.
            self._group, self._size = [], 0

    def _decode(self, pictures: Iterable[Encoded]) -> VideoFrame | None:
        """The last of these pictures that is shown."""
        shown = None
        for picture in pictures:
            try:
                frames = self._decoder.decode(Packet(picture.data)) if self._decoder else []
            except av.FFmpegError:
                continue
            for frame in frames:
                # A key frame of the file must not force a key frame in the call.
                frame.pict_type = PictureType.NONE
                frame.pts, frame.time_base = round(picture.time * CLOCK_RATES["video"]), Fraction(1, 90_000)
                shown = frame
        return shown


def _decoder() -> VideoCodecContext:
    decoder = CodecContext.create("vp8", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    return decoder
