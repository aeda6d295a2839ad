"""An SRTP session (RFC 3711) with a bounded number of streams.

libsrtp keeps one for each SSRC that it has met, for good, and looks through all of them for each packet: after 40,000
packets with an SSRC each, every further one takes milliseconds. The other side chooses the SSRCs.

Private names of pylibsrtp's session are used here and nowhere else; tests/peer/transport/test_private_names.py lists
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pylibsrtp
from pylibsrtp import ffi  # type: ignore[attr-defined]

MOST = 96
"Streams of one direction: those that are counted (rtp_statistics.py), and as many reports' own."

IDLE_SECONDS = 10.0
"A stream that has been silent for so long gives way to a new one."

RTP_SSRC, RTCP_SSRC = 8, 4
"The offset of the SSRC in a packet, in bytes (RFC 3550, sections 5.1 and 6.4.1). SRTP doesn't encrypt it."

ROOM = 2048
"""Bytes for a packet and what encrypting adds. pylibsrtp has 1,500, keeps 148 of them for that, and raises ValueError
for what is larger: some programs send packets of 1,400 bytes, which the relay is to encrypt again."""

Process = Callable[[bytes], bytes]


class BoundedSession:
    """What aiortc uses of a session. A packet of one stream too many raises pylibsrtp.Error, as one that is damaged."""

    def __init__(self, session: pylibsrtp.Session, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that never go back."""
        self._session = session
        session._cdata = ffi.new("char[]", ROOM)
        session._buffer = ffi.buffer(session._cdata)
        self._clock = clock
        self._last: dict[bytes, float] = {}
        "When each stream was heard last, by its SSRC."

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self._last)

    def protect(self, packet: bytes) -> bytes:
        """Encrypt RTP. Raises pylibsrtp.Error."""
        return self._process(packet, packet[RTP_SSRC : RTP_SSRC + 4], self._session.protect)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt RTCP. Raises pylibsrtp.Error."""
        return self._process(packet, packet[RTCP_SSRC : RTCP_SSRC + 4], self._session.protect_rtcp)

    def unprotect(self, packet: bytes) -> bytes:
        """Decrypt RTP. Raises pylibsrtp.Error."""
        return self._process(packet, packet[RTP_SSRC : RTP_SSRC + 4], self._session.unprotect)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Decrypt RTCP. Raises pylibsrtp.Error."""
        return self._process(packet, packet[RTCP_SSRC : RTCP_SSRC + 4], self._session.unprotect_rtcp)

    def _process(self, packet: bytes, ssrc: bytes, process: Process) -> bytes:
        if len(self._last) >= MOST and ssrc not in self._last:
            self._make_room(self._clock())
        processed = process(packet)
        # Only now: what isn't the other side's takes nobody's place.
        self._last[ssrc] = self._clock()
        return processed

    def _make_room(self, now: float) -> None:
        idle, since = min(self._last.items(), key=lambda each: each[1])
        if now - since < IDLE_SECONDS:
            raise pylibsrtp.Error("There are too many streams.")
        self._session.remove_stream(int.from_bytes(idle, "big"))
        del self._last[idle]
