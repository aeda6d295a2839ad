"""RTP packets in the other side's numbers ↔ in those of our profile (peer/transport/profile.py).

Payload types, header extension ids and media identifications are what two descriptions agreed on; the rest of a packet
is left as it is. So behind this every leg speaks the one profile, and packets are relayed untouched.
"""

from __future__ import annotations

import msgspec

from peer.transport.profile import MID_EXTENSION, MIDS, PAYLOAD_TYPES
from peer.transport.sdp.negotiation import Agreement, Stream

HEADER = 12
"Bytes before the list of contributing sources (RFC 3550, section 5.1)."

EXTENDED = 0x10
MARKER = 0x80
ONE_BYTE = b"\xbe\xde"
"What the one-byte form of header extensions begins with (RFC 8285, section 4.2)."

STOP = 15
"An id after which nothing more is to be read."


class _Way(msgspec.Struct, frozen=True):
    """How packets of one kind are renumbered in one direction."""

    payload_type: int
    extensions: dict[int, int]
    mid_extension: int | None
    "The id of the media identification on the packets that come out."

    mid: bytes


class RtpNumbers:
    """Renumbers the packets of one connection."""

    def __init__(self, agreement: Agreement) -> None:
        self._inward: dict[int, _Way] = {}
        self._outward: dict[int, _Way] = {}
        for stream in agreement.streams.values():
            number = PAYLOAD_TYPES[stream.kind]
            if stream.receives:
                self._inward[stream.payload_type] = _inward(stream)
            if stream.sends:
                self._outward[number] = _outward(stream)

    def inward(self, packet: bytes) -> bytes | None:
        """A packet of the other side as our profile has it. None for what wasn't agreed on, or can't be read."""
        return _renumbered(packet, self._inward)

    def outward(self, packet: bytes) -> bytes | None:
        """A packet of our profile as the other side wants it. None for what it doesn't want."""
        return _renumbered(packet, self._outward)


def _inward(stream: Stream) -> _Way:
    return _Way(
        payload_type=PAYLOAD_TYPES[stream.kind],
        extensions={theirs: ours for ours, theirs in stream.extensions.items()},
        mid_extension=MID_EXTENSION,
        mid=MIDS[stream.kind].encode(),
    )


def _outward(stream: Stream) -> _Way:
    return _Way(
        payload_type=stream.payload_type,
        extensions=stream.extensions,
        mid_extension=stream.extensions.get(MID_EXTENSION),
        mid=stream.mid.encode(),
    )


def _renumbered(packet: bytes, ways: dict[int, _Way]) -> bytes | None:
    if len(packet) < HEADER:
        return None
    way = ways.get(packet[1] & 0x7F)
    if way is None:
        return None
    second = packet[1] & MARKER | way.payload_type
    if not packet[0] & EXTENDED:
        return bytes([packet[0], second]) + packet[2:]
    start = HEADER + 4 * (packet[0] & 0x0F)
    payload = start + 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    if len(packet) < payload or payload < start + 4:
        return None
    form, values = packet[start : start + 2], packet[start + 4 : payload]
    extensions = _extensions(values, way) if form == ONE_BYTE else b""
    if not extensions:
        return bytes([packet[0] & ~EXTENDED, second]) + packet[2:start] + packet[payload:]
    header = ONE_BYTE + (len(extensions) // 4).to_bytes(2, "big")
    return bytes([packet[0], second]) + packet[2:start] + header + extensions + packet[payload:]


def _extensions(values: bytes, way: _Way) -> bytes:
    """The header extensions that both sides know, in the numbers of the packets that come out; whole words."""
    out = bytearray()
    at = 0
    while at < len(values):
        number, length = values[at] >> 4, (values[at] & 0x0F) + 1
        if number == 0:  # padding
            at += 1
            continue
        value = values[at + 1 : at + 1 + length]
        if number == STOP or len(value) < length:
            break
        renumbered = way.extensions.get(number)
        if renumbered is not None:
            if renumbered == way.mid_extension:
                value = way.mid
            out.append(renumbered << 4 | len(value) - 1)
            out += value
        at += 1 + length
    out += bytes(-len(out) % 4)
    return bytes(out)
