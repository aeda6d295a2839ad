"""What is on the channel for files: pieces of content, and how much of it the other side has taken. Pure.

A piece is the byte 0, the file's SHA-256, the offset (8 bytes, big endian) and the bytes; an acknowledgement is the
byte 1, the SHA-256 and the offset up to which everything is written. docs/protocol.md has them.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

import msgspec

from shared.errors import RemoteProtocolError
from shared.messages import MAX_MESSAGE

_HEAD = struct.Struct("!B32sQ")
_PIECE, _TAKEN = 0, 1

MAX_PIECE = MAX_MESSAGE - _HEAD.size
"Bytes of content in one message."

MAX_OFFSET = 2**53 - 1


class Piece(msgspec.Struct, frozen=True):
    """A part of a file."""

    id: bytes
    "SHA-256 of the whole."

    offset: int
    data: bytes


class Taken(msgspec.Struct, frozen=True):
    """The receiver has everything before `offset`."""

    id: bytes
    offset: int


Frame: TypeAlias = Piece | Taken


def encode(frame: Frame) -> bytes:
    """Write one message."""
    match frame:
        case Piece():
            return _HEAD.pack(_PIECE, frame.id, frame.offset) + frame.data
        case Taken():
            return _HEAD.pack(_TAKEN, frame.id, frame.offset)


def decode(message: bytes) -> Frame:
    """Read one message. Raises RemoteProtocolError for anything that isn't one, and nothing else."""
    if len(message) >= _HEAD.size:
        kind, id_, offset = _HEAD.unpack_from(message)
        data = message[_HEAD.size :]
        if kind == _PIECE and 0 < len(data) <= MAX_PIECE and offset <= MAX_OFFSET - len(data):
            return Piece(id_, offset, data)
        if kind == _TAKEN and not data and offset <= MAX_OFFSET:
            return Taken(id_, offset)
    raise RemoteProtocolError("The other side sent what isn't a part of a file.")
