"""Decoding with PyAV, for what reads files and cameras."""

from __future__ import annotations

import av
from av import AudioFifo, AudioFrame, AudioResampler, VideoFrame
from av.packet import Packet
from av.stream import Stream
from av.video import VideoStream

from peer.media.sound.types import SAMPLE_RATE, SAMPLES

MAX_PIXELS = 4096 * 4096
"Of a picture; a decoder refuses larger ones before it makes room for them."


def refuse_huge(stream: VideoStream) -> None:
    """Keep its decoder to MAX_PIXELS. What a container is opened with reaches only the look at its streams."""
    stream.codec_context.options = {**stream.codec_context.options, "max_pixels": str(MAX_PIXELS)}


def decode(packet: Packet[Stream]) -> list[AudioFrame | VideoFrame]:
    """The frames of a packet; none of a damaged one."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, AudioFrame | VideoFrame)]
    except av.FFmpegError:
        return []


class SoundBlocks:
    """Sound of any form in, blocks of 20 ms of 16-bit stereo at 48 kHz out, without a seam."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        "Sample format, channels and rate that the resampler was made for."

        self._resampler = AudioResampler("s16", "stereo", SAMPLE_RATE)
        self._fifo = AudioFifo()

    @property
    def waiting(self) -> int:
        """Samples that don't fill a block yet, or weren't taken."""
        return self._fifo.samples

    def put(self, frame: AudioFrame) -> None:
        """Add sound at the end."""
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if form != self._form:
            # A resampler takes one form of sound only; some files and cameras change it on the way.
            self._form, self._resampler = form, AudioResampler("s16", "stereo", SAMPLE_RATE)
        for resampled in self._resampler.resample(frame):
            # The fifo would compare timestamps of its own.
            resampled.pts = None
            self._fifo.write(resampled)

    def take(self) -> AudioFrame | None:
        """The next block, without a timestamp; None when none is full."""
        return self._fifo.read(SAMPLES)

    def rest(self) -> AudioFrame | None:
        """What doesn't fill a block; None when there is nothing."""
        return self._fifo.read(0, partial=True) if self._fifo.samples else None
