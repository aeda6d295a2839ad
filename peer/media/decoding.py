"""Decoding with PyAV, for the code that reads files and cameras."""

from __future__ import annotations

import av
from av import AudioFifo, AudioFrame, AudioResampler, VideoFrame
from av.packet import Packet
from av.stream import Stream
from av.video import VideoStream

from peer.media.sound.types import SAMPLE_RATE, SAMPLES

MAX_PIXELS = 4096 * 4096
"The most pixels a picture may have. A decoder refuses larger pictures before it allocates memory for them."


def refuse_huge(stream: VideoStream) -> None:
    """Limit the stream's decoder to MAX_PIXELS.

    The options that open a container apply only while FFmpeg looks at its streams.
    """
    stream.codec_context.options = {**stream.codec_context.options, "max_pixels": str(MAX_PIXELS)}


def decode(packet: Packet[Stream]) -> list[AudioFrame | VideoFrame]:
    """The frames in a packet. A damaged packet gives none."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, AudioFrame | VideoFrame)]
    except av.FFmpegError:
        return []


class SoundBlocks:
    """Takes sound in any format and gives blocks of 20 ms of 16-bit stereo at 48 kHz, without gaps."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        "The sample format, layout and rate that the resampler was made for."

        self._resampler = AudioResampler("s16", "stereo", SAMPLE_RATE)
        self._fifo = AudioFifo()

    @property
    def waiting(self) -> int:
        """The number of samples that don't fill a block yet, or weren't taken."""
        return self._fifo.samples

    def put(self, frame: AudioFrame) -> None:
        """Add sound at the end."""
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if form != self._form:
            # A resampler takes one format only, and some files and cameras change it on the way.
            self._form, self._resampler = form, AudioResampler("s16", "stereo", SAMPLE_RATE)
        for resampled in self._resampler.resample(frame):
            # The fifo would compare timestamps, and these don't matter.
            resampled.pts = None
            self._fifo.write(resampled)

    def take(self) -> AudioFrame | None:
        """The next block, without a timestamp. None if no block is full."""
        return self._fifo.read(SAMPLES)

    def rest(self) -> AudioFrame | None:
        """The samples that don't fill a block. None if there are none."""
        return self._fifo.read(0, partial=True) if self._fifo.samples else None
