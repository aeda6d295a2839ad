"""Telling RTP from RTCP, which share a socket (RFC 5761, section 4)."""

from __future__ import annotations

FIRST_RTCP_TYPE = 192
LAST_RTCP_TYPE = 223
"Second bytes of a packet that mean RTCP."


def is_rtp(packet: bytes) -> bool:
    """Whether a packet of two bytes and more is RTP and not RTCP."""
    return not FIRST_RTCP_TYPE <= packet[1] <= LAST_RTCP_TYPE
