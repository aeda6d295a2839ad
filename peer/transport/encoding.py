"""Sound and pictures encoded for a path, as tracks of encoded packets that aiortc's sender takes as they are.

Not aiortc's own encoders: their sound always takes 96 kbit/s and has no redundancy, their picture at least 250.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import NamedTuple, Protocol, cast

from aiortc import MediaStreamTrack
from av import AudioFrame, AudioResampler, CodecContext, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from peer.transport.audio_first import Packing, Plan
from peer.transport.profile import OPUS, Kind

SOUND_TIME = Fraction(1, OPUS.clock_rate)

WHOLE_EVERY = 3_000
"Pictures, at most, from one that needs no others to the next: as good as never, they are sent when they are asked for."


class Smaller(NamedTuple):
    """How much less of a picture is encoded over a path that carries little."""

    below_bits: int
    "A second, that a picture may take there."

    divisor: int
    "Of its width and height."

    skipped: int
    "Pictures that are left out before each that is sent."


SMALLER = (Smaller(below_bits=100_000, divisor=4, skipped=2), Smaller(below_bits=250_000, divisor=2, skipped=1))
"The first that fits counts."

CHANGED = 0.15
"A part by which the bit rate has to change before there is a new encoder, which begins with a whole picture."


PATIENCE_SECONDS = 0.06
"""How long the first picture waits for the first sound, which may never come. The encoder of pictures takes a while to
open, and its first picture is the largest: on a slow machine it would hold up the sound, ours, which is ready at once,
and the other side's, which has to be read."""


class Encoder(Protocol):
    """Frames in, encoded packets out."""

    def encode(self, frame: AudioFrame | VideoFrame, plan: Plan, *, whole: bool) -> list[Packet[Stream]]:
        """Encode a frame as planned; `whole`: so that a picture needs none before it. May give nothing yet."""


class SoundEncoder:
    """Opus (RFC 7587): bit rate, length of packets and redundancy as planned."""

    def __init__(self) -> None:
        self._packing: Packing | None = None
        self._loss = 0
        self._codec: AudioCodecContext | None = None
        self._resampler: AudioResampler | None = None

    def encode(self, frame: AudioFrame | VideoFrame, plan: Plan, *, whole: bool) -> list[Packet[Stream]]:
        """See Encoder."""
        assert isinstance(frame, AudioFrame)
        if self._codec is None or (plan.sound, plan.loss) != (self._packing, self._loss):
            self._open(plan)
        assert self._codec is not None
        assert self._resampler is not None
        made: list[Packet[Stream]] = []
        for block in self._resampler.resample(frame):
            for packet in self._codec.encode(block):
                # The encoder counts from before its first sample; the block's own time is what we want.
                packet.pts, packet.time_base = block.pts, SOUND_TIME
                made.append(packet)
        return made

    def _open(self, plan: Plan) -> None:
        if self._resampler is None or self._packing is None or plan.sound.milliseconds != self._packing.milliseconds:
            samples = OPUS.clock_rate * plan.sound.milliseconds // 1000
            self._resampler = AudioResampler("s16", "stereo", OPUS.clock_rate, frame_size=samples)
        codec = CodecContext.create(OPUS.library, "w")
        assert isinstance(codec, AudioCodecContext)
        codec.bit_rate, codec.format, codec.layout = plan.sound.bits, "s16", "stereo"
        codec.sample_rate, codec.time_base = OPUS.clock_rate, SOUND_TIME
        codec.options = {
            "application": "voip",
            "frame_duration": str(plan.sound.milliseconds),
            "fec": "1",
            "packet_loss": str(plan.loss),
        }
        self._codec, self._packing, self._loss = codec, plan.sound, plan.loss


class PictureEncoder:
    """VP8 (RFC 7741): bit rate as planned, and smaller pictures where that isn't enough for large ones."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None
        self._bits = 0
        self._number = 0

    def encode(self, frame: AudioFrame | VideoFrame, plan: Plan, *, whole: bool) -> list[Packet[Stream]]:
        """See Encoder."""
        assert isinstance(frame, VideoFrame)
        if plan.picture is None:
            self._codec = None
            return []
        self._number += 1
        divisor, skipped = next(
            ((each.divisor, each.skipped) for each in SMALLER if plan.picture < each.below_bits), (1, 0)
        )
        if self._number % (skipped + 1):
            return []
        width, height = frame.width // divisor & ~1, frame.height // divisor & ~1
        pts, time_base = frame.pts, frame.time_base
        assert time_base is not None
        if (frame.width, frame.height, frame.format.name) != (width, height, "yuv420p"):
            frame = frame.reformat(width=width, height=height, format="yuv420p")
        codec = self._codec
        if (
            codec is None
            or (codec.width, codec.height) != (width, height)
            or abs(plan.picture - self._bits) > CHANGED * self._bits
        ):
            codec = self._open(plan.picture, width, height)
        frame.pict_type = PictureType.I if whole else PictureType.NONE
        data = b"".join(bytes(packet) for packet in codec.encode(frame))
        if not data:
            return []
        packet = Packet(data)
        packet.pts, packet.time_base = pts, time_base
        return [packet]

    def _open(self, bits: int, width: int, height: int) -> VideoCodecContext:
        os.sched_yield()  # nothing takes longer: what else is ready comes first
        codec = CodecContext.create("libvpx", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.bit_rate, codec.pix_fmt = width, height, bits, "yuv420p"
        codec.gop_size, codec.qmin, codec.qmax = WHOLE_EVERY, 2, 56
        # Threads wait for each other by spinning: on few cores that is ten times the work.
        codec.thread_count = 2 if width * height > 640 * 480 and (os.cpu_count() or 1) >= 3 else 1
        codec.options = {
            "bufsize": str(bits),  # a second
            "minrate": str(bits),
            "maxrate": str(bits),
            "cpu-used": "-6",
            "deadline": "realtime",
            "lag-in-frames": "0",
            "noise-sensitivity": "4",
            "overshoot-pct": "15",
            "undershoot-pct": "100",
            "partitions": "0",
            "static-thresh": "1",
        }
        self._codec, self._bits = codec, bits
        return codec


ENCODERS: dict[Kind, Callable[[], Encoder]] = {"audio": SoundEncoder, "video": PictureEncoder}


class EncodedTrack(MediaStreamTrack):
    """A track's frames, encoded as planned; what comes encoded already passes as it is."""

    def __init__(
        self,
        track: MediaStreamTrack,
        kind: Kind,
        planned: Callable[[], Plan],
        after: Sequence[asyncio.Event] = (),
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`planned` is asked for each frame. The first is taken after all of `after`, or after `patience` seconds."""
        super().__init__()
        self.kind = kind
        self._track = track
        self._planned = planned
        self._after = after
        self._patience = patience
        self._encoder = ENCODERS[kind]()
        self._made: deque[Packet[Stream]] = deque()
        self._whole = False
        self.begun = asyncio.Event()
        "Set when the first packet is there, or none will be."

    def want_whole(self) -> None:
        """Make the next picture one that needs none before it."""
        self._whole = True

    async def recv(self) -> Packet[Stream]:
        """The next packet. Raises MediaStreamError once the track has ended."""
        while not self._made:
            if self._after:
                await self._wait_for(self._after)
                self._after = ()
            data = await self._track.recv()
            if not isinstance(data, AudioFrame | VideoFrame):
                self.begun.set()
                return cast("Packet[Stream]", data)
            whole, self._whole = self._whole, False
            encode = partial(self._encoder.encode, data, self._planned(), whole=whole)
            made = await asyncio.get_running_loop().run_in_executor(None, encode)
            # Of small pictures not every one is sent.
            self._whole = self._whole or (whole and not made)
            self._made += made
        self.begun.set()
        return self._made.popleft()

    async def _wait_for(self, events: Sequence[asyncio.Event]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for event in events:
                    await event.wait()

    def stop(self) -> None:
        """End it, and what it encodes."""
        super().stop()
        self.begun.set()
        self._track.stop()
