"""Writes a WebM file that can be played at any moment while it grows (RFC 8794 EBML, RFC 9559 Matroska).

It takes encoded Opus and VP8 frames. A player needs nothing that is written only at the end: each cluster is written
whole with its size, and the duration and picture size go into the header as soon as they are known. If the writer is
killed, the file lacks only the last moment and the index.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from peer.media.rtp import opus
from peer.transport.profile import OPUS

AUDIO_TRACK, VIDEO_TRACK = 1, 2
"The tracks of the other side, or the only tracks."

OWN_AUDIO_TRACK, OWN_VIDEO_TRACK = 3, 4
"The tracks of our own side, if both sides are in the file."

CLUSTER_MS = 250
"The length of a cluster in milliseconds: the most that a crash can lose."

CLUSTER_BYTES = 256 * 1024
"A cluster of this size is written, whatever its length."

BLOCK_BYTES = 64
"Bytes that each frame adds to a cluster's size beyond its own, so that many tiny frames fill a cluster too."

CUE_MS = 5_000
"An index entry is made at every key frame. Without pictures, entries are this far apart."

EBML, SEGMENT, SEEK_HEAD, VOID, INFO, TRACKS, CLUSTER, CUES = (
    0x1A45DFA3,
    0x18538067,
    0x114D9B74,
    0xEC,
    0x1549A966,
    0x1654AE6B,
    0x1F43B675,
    0x1C53BB6B,
)
DURATION = 0x4489

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
"The size of a segment that extends to the end of the file (RFC 8794, 6.2)."

SEEK_SPACE = 96
"How many bytes are kept free at the start of the segment for the table of its parts (SeekHead)."


@dataclass(slots=True)
class _Cluster:
    start: int
    blocks: list[tuple[int, int, bool, bytes]] = field(default_factory=list)
    "For each block: time in ms, track, whether it is a key frame, data."

    size: int = 0
    cue: bool = False


class MatroskaWriter:
    """Writes the file. A frame that `add` takes is in the file after the next `flush`. The methods raise OSError."""

    def __init__(self, file: BinaryIO, *, audio: bool, video: bool, both: bool = False) -> None:
        """`file` is empty, seekable and open for writing. The caller closes it.

        `both`: our own side has its own tracks.
        """
        self._file = file
        self._video = video
        self._cluster: _Cluster | None = None
        self._cues: list[tuple[int, int]] = []
        self._end = 0
        self._sizes: set[int] = set()
        "The tracks whose picture size is known."

        header = _element(
            EBML,
            _number(0x4286, 1),
            _number(0x42F7, 1),
            _number(0x42F2, 4),
            _number(0x42F3, 8),
            _element(0x4282, b"webm"),
            _number(0x4287, 4),
            _number(0x4285, 2),
        )
        info = _element(
            INFO,
            _number(0x2AD7B1, 1_000_000),  # a tick of the file is a millisecond
            _element(0x4D80, b"Copybara Relay"),
            _element(0x5741, b"Copybara Relay"),
            _element(DURATION, struct.pack(">d", 0.0)),
        )
        names = ("Other side", "Own side") if both else ("",)
        tracks = _element(TRACKS, *(_tracks(number, name, audio, video) for number, name in enumerate(names)))
        start = header + _id(SEGMENT) + UNKNOWN_SIZE
        self._segment = len(start)
        self._info = SEEK_SPACE
        self._tracks = self._info + len(info)
        start += _void(SEEK_SPACE) + info + tracks
        # The positions in the file of values that become known later.
        self._duration_at = start.index(_id(DURATION) + b"\x88", self._segment) + 3
        self._size_at: dict[int, int] = {}
        if video:
            at = self._duration_at
            for track in (VIDEO_TRACK, OWN_VIDEO_TRACK) if both else (VIDEO_TRACK,):
                self._size_at[track] = at = start.index(_picture_size(640, 480), at + 1)
        self._file.write(start)
        self._file.flush()
        self.position = len(start)
        "How many bytes of the file are complete: the header and the clusters so far."

    @property
    def duration(self) -> int:
        """The time of the end of the last frame, in milliseconds."""
        return self._end

    @property
    def pending(self) -> bool:
        """Whether a frame was added that isn't in the file yet."""
        return self._cluster is not None

    @property
    def due(self) -> bool:
        """Whether enough has been added for a cluster."""
        cluster = self._cluster
        return cluster is not None and (self._end - cluster.start >= CLUSTER_MS or cluster.size >= CLUSTER_BYTES)

    def add(self, track: int, start: int, length: int, data: bytes, *, key: bool) -> None:
        """Take a frame of a track. It starts at `start` and lasts `length`, both in milliseconds.

        Frames of one track must come in order. Frames of two tracks may be some seconds out of order.
        """
        cluster = self._cluster
        if cluster is not None and abs(start - cluster.start) > 15_000:
            # A block has a 16-bit time, relative to its cluster.
            self.flush()
            cluster = None
        if cluster is None:
            cluster = self._cluster = _Cluster(start)
        cluster.blocks.append((start, track, key, data))
        cluster.size += len(data) + BLOCK_BYTES
        cluster.cue |= key and track == VIDEO_TRACK
        self._end = max(self._end, start + length)

    def set_picture_size(self, width: int, height: int, track: int = VIDEO_TRACK) -> None:
        """Set the size of a track's first pictures. Players read the size of later ones from the pictures."""
        if track not in self._sizes and width and height:
            self._sizes.add(track)
            self._patch(self._size_at[track], _picture_size(width, height))

    def flush(self) -> None:
        """Write the frames that were added."""
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return
        cluster.blocks.sort(key=lambda block: block[0])
        start = cluster.blocks[0][0]
        if cluster.cue or (not self._video and start >= (self._cues[-1][0] + CUE_MS if self._cues else 0)):
            self._cues.append((start, self.position - self._segment))
        data = _element(
            CLUSTER,
            _number(0xE7, start),
            *(
                _element(0xA3, struct.pack(">BhB", 0x80 | track, time - start, 0x80 if key else 0), data)
                for time, track, key, data in cluster.blocks
            ),
        )
        self._file.write(data)
        self._file.flush()
        self.position += len(data)
        self._patch(self._duration_at, struct.pack(">d", float(self._end)))
        self._file.flush()

    def close(self) -> None:
        """Write the remaining frames and the index. The file itself stays open."""
        self.flush()
        track = VIDEO_TRACK if self._video else AUDIO_TRACK
        seek = _seek(INFO, self._info) + _seek(TRACKS, self._tracks)
        if self._cues:
            points = (
                _element(0xBB, _number(0xB3, time), _element(0xB7, _number(0xF7, track), _number(0xF1, position)))
                for time, position in self._cues
            )
            cues = _element(CUES, *points)
            seek += _seek(CUES, self.position - self._segment)
            self._file.write(cues)
            self.position += len(cues)
        table = _element(SEEK_HEAD, seek)
        self._patch(self._segment, table + _void(SEEK_SPACE - len(table)))
        self._patch(self._segment - 8, struct.pack(">Q", 1 << 56 | self.position - self._segment))
        self._file.flush()

    def _patch(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        self._file.write(data)
        self._file.seek(self.position)


def _tracks(side: int, name: str, audio: bool, video: bool) -> bytes:
    own = side * (OWN_AUDIO_TRACK - AUDIO_TRACK)
    title = (_element(0x536E, name.encode()),) if name else ()
    sound = _audio_track(AUDIO_TRACK + own, title) if audio else b""
    return sound + (_video_track(VIDEO_TRACK + own, title) if video else b"")


def _audio_track(number: int, title: tuple[bytes, ...]) -> bytes:
    return _element(
        0xAE,
        *_track(number, 2, b"A_OPUS"),
        *title,
        _element(0x63A2, opus.HEAD),
        _number(0x56BB, opus.PRE_ROLL_NS),
        _element(0xE1, _element(0xB5, struct.pack(">d", float(OPUS.clock_rate))), _number(0x9F, OPUS.channels)),
    )


def _video_track(number: int, title: tuple[bytes, ...]) -> bytes:
    return _element(0xAE, *_track(number, 1, b"V_VP8"), *title, _element(0xE0, _picture_size(640, 480)))


def _picture_size(width: int, height: int) -> bytes:
    """The elements PixelWidth and PixelHeight, always 8 bytes."""
    return _element(0xB0, struct.pack(">H", width)) + _element(0xBA, struct.pack(">H", height))


def _track(number: int, kind: int, codec: bytes) -> tuple[bytes, ...]:
    """A track's number, unique id, type, flag against lacing, and codec."""
    return _number(0xD7, number), _number(0x73C5, number), _number(0x83, kind), _number(0x9C, 0), _element(0x86, codec)


def _seek(identifier: int, position: int) -> bytes:
    return _element(0x4DBB, _element(0x53AB, _id(identifier)), _element(0x53AC, struct.pack(">Q", position)))


def _void(length: int) -> bytes:
    """A Void element of `length` bytes in all, at least 2 and at most 128."""
    return _id(VOID) + bytes([0x80 | length - 2]) + bytes(length - 2)


def _id(identifier: int) -> bytes:
    """An element id, written with its length marker (RFC 8794, 5)."""
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(identifier: int, *content: bytes) -> bytes:
    data = b"".join(content)
    length = len(data)
    size = bytes([0x80 | length]) if length < 127 else struct.pack(">I", 0x10000000 | length)
    return _id(identifier) + size + data
