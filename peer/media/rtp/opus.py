"""Reads facts from Opus packets without decoding them (RFC 6716, RFC 7845). Pure."""

from __future__ import annotations

import struct

from peer.transport.profile import OPUS

HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, OPUS.channels, 0, OPUS.clock_rate, 0, 0)
"The head of a file: version 1, two channels, no pre-skip, 48 kHz, no gain, mapping family 0 (RFC 7845, 5.1)."

PRE_ROLL_NS = 80_000_000
"A decoder needs the 80 ms before the place to which it seeks (RFC 7845, 4.6)."


def milliseconds(packet: bytes) -> int:
    """How long the sound in a packet lasts, in milliseconds rounded up (RFC 6716, 3.1)."""
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        tenths = (100, 200, 400, 600)[configuration % 4]
    elif configuration < 16:
        tenths = (100, 200)[configuration % 2]
    else:
        tenths = (25, 50, 100, 200)[configuration % 4]
    frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    return (tenths * frames + 9) // 10


def plain(head: bytes) -> bool:
    """Whether the packets of a file with this head can be sent as they are.

    The head must have version 1, at most two channels in the usual order, and no gain that a decoder would have to
    apply.
    """
    return len(head) == len(HEAD) and head[16:19] == b"\0\0\0" and head[9] in (1, 2)
