"""An SCTP packet of the other side (RFC 9260, section 3), looked at before aiortc reads it. Pure.

aiortc follows the lengths of a chunk's parameters wherever they lead: at one of 0 it stays for good, and the program
with it.
"""

from __future__ import annotations

import struct

from shared.errors import RemoteProtocolError

COMMON_HEADER = 12
CHUNK_HEADER = 4
PARAMETER_HEADER = 4
"Bytes (RFC 9260, sections 3.1, 3.2, 3.2.1)."

PARAMETERS_AT = {1: 20, 2: 20, 4: 4, 5: 4, 6: 4, 9: 4, 130: 4}
"""Chunks that end with a list of parameters, by their type, and where in the chunk that begins: INIT, INIT ACK,
HEARTBEAT, HEARTBEAT ACK, ABORT, ERROR (RFC 9260, section 3.3) and RE-CONFIG (RFC 6525, section 3.1).
"""

MAX_CHUNKS = 80
"Of a packet. 75 of the smallest with data fit into a datagram, and four times as many that hold nothing."

_CHUNK = struct.Struct("!BxH")
_PARAMETER = struct.Struct("!2xH")


def check(packet: bytes) -> None:
    """Raise RemoteProtocolError for a parameter that is shorter than its own header, and for more than MAX_CHUNKS.

    A chunk that doesn't fit into the packet ends the search, as it has aiortc drop the whole packet.
    """
    at, chunks = COMMON_HEADER, 0
    while at + CHUNK_HEADER <= len(packet):
        kind, length = _CHUNK.unpack_from(packet, at)
        if length < CHUNK_HEADER or at + length > len(packet):
            return
        if (parameters := PARAMETERS_AT.get(kind)) is not None:
            _check_parameters(packet[at + parameters : at + length])
        at, chunks = at + _padded(length), chunks + 1
        if chunks > MAX_CHUNKS:
            raise RemoteProtocolError("The other side sent more chunks at once than there is use for.")


def _check_parameters(parameters: bytes) -> None:
    at = 0
    while at + PARAMETER_HEADER <= len(parameters):
        (length,) = _PARAMETER.unpack_from(parameters, at)
        if length < PARAMETER_HEADER:
            raise RemoteProtocolError("The other side sent a parameter without an end.")
        at += _padded(length)


def _padded(length: int) -> int:
    return length + -length % 4
