"""Who is where in a relayed call, and what both ends send: media that was encoded before, so that sending costs little.

    FAR ── the overlay ── MIDDLE | OWN ── loopback ── NEAR

The two in the middle are one node: the process that is measured.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from fractions import Fraction
from ipaddress import IPv4Address

import av
from aiortc.mediastreams import MediaStreamTrack
from av.packet import Packet
from av.stream import Stream

from peer.media.realtime import FramePace
from shared.links.kinds import PairedToken
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, one_link

FAR, MIDDLE, OWN, NEAR = (IPv4Address(f"127.9.9.{number}") for number in (1, 2, 3, 4))

WIDTH, HEIGHT, RATE = 640, 480, 30
BITS_PER_SECOND = 1_000_000
"What the encoder is asked for. This picture takes 2.1 million, a little more than the 1.7 at which a browser stops."

SECONDS = 4
"Length of the film, which is repeated."

VIDEO_CLOCK, AUDIO_CLOCK, SAMPLES = 90_000, 48_000, 960

_ONE, _OTHER = NodeId(b"\1" * 32), NodeId(b"\2" * 32)


def handshake(role: Role, secret: bytes) -> Handshake:
    """Of a call between two who share that secret, 32 bytes."""
    call = PairedBody(Operation.CALL, Media.BOTH, created=1, port=1)
    token: PairedToken = seal(call, secret=secret, source=_ONE, destination=_OTHER, nonce=bytes(12))
    return one_link(role, token, secret=secret, source=_ONE, destination=_OTHER)


class EncodedTrack(MediaStreamTrack):
    """Gives encoded frames in real time, over and over."""

    def __init__(self, kind: str, pace: FramePace) -> None:
        super().__init__()
        self.kind = kind
        self._frames = film() if kind == "video" else sound()
        self._step = VIDEO_CLOCK // RATE if kind == "video" else SAMPLES
        self._clock = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK
        self._number = 0
        self._pace = pace

    async def recv(self) -> Packet[Stream]:
        """The next frame when it is due."""
        await self._pace.until(self._number * self._step / self._clock)
        packet: Packet[Stream] = Packet(self._frames[self._number % len(self._frames)])
        packet.pts = self._number * self._step
        packet.time_base = Fraction(1, self._clock)
        self._number += 1
        return packet


@functools.cache
def film() -> tuple[bytes, ...]:
    """VP8 of a picture in which everything moves; the first frame is a key frame."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.bit_rate = BITS_PER_SECOND
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "g": str(RATE * SECONDS), "lag-in-frames": "0"}
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE},noise=alls=4:allf=t,format=yuv420p"
    frames: list[bytes] = []
    with av.open(picture, format="lavfi") as source:
        for frame in itertools.islice(source.decode(video=0), RATE * SECONDS):
            frame.time_base, frame.pts = Fraction(1, RATE), len(frames)
            frames += [bytes(packet) for packet in encoder.encode(frame)]
    frames += [bytes(packet) for packet in encoder.encode(None)]
    return tuple(frames)


@functools.cache
def sound() -> tuple[bytes, ...]:
    """Opus of a tone, 20 ms a frame."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = AUDIO_CLOCK, "s16", "stereo"
    encoder.bit_rate = 48_000
    frames: list[bytes] = []
    tone = f"sine=frequency=440:sample_rate={AUDIO_CLOCK}:samples_per_frame={SAMPLES},aformat=channel_layouts=stereo"
    with av.open(tone, format="lavfi") as source:
        for number, frame in enumerate(itertools.islice(source.decode(audio=0), 50 * SECONDS)):
            frame.pts = number * SAMPLES
            frames += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(frames)


def tracks() -> list[MediaStreamTrack]:
    """Sound and picture of one end. Makes both films if they aren't there."""
    pace = FramePace()
    film(), sound()
    return [EncodedTrack("audio", pace), EncodedTrack("video", pace)]


async def together(*legs: object) -> None:
    """Connect legs at the same time."""
    async with asyncio.TaskGroup() as group:
        for leg in legs:
            group.create_task(leg.connect())  # type: ignore[attr-defined]
