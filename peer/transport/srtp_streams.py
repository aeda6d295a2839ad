"""An SRTP session (RFC 3711) with a bounded number of streams.

libsrtp keeps one for each SSRC that it has met, for good, and looks through all of them for each packet: after 40,000
packets with an SSRC each, every further one takes milliseconds. The other side chooses the SSRCs.

Private names of pylibsrtp's session are used here and nowhere else; tests/peer/transport/test_private_names.py lists
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pylibsrtp
from pylibsrtp import ffi, lib  # type: ignore[attr-defined]

MOST = 96
"Streams of one direction: those that are counted (rtp_statistics.py), and as many reports' own."

IDLE_SECONDS = 10.0
"A stream that has been silent for so long gives way to a new one."

RTP_SSRC, RTCP_SSRC = slice(8, 12), slice(4, 8)
"Where the SSRC is in a packet, in bytes (RFC 3550, sections 5.1 and 6.4.1). SRTP doesn't encrypt it."

ROOM = 2048
"""Bytes for a packet and what encrypting adds. pylibsrtp has 1,500, keeps 148 of them for that, and raises ValueError
for what is larger: some programs send packets of 1,400 bytes, which the relay is to encrypt again."""

TRAILER = 148
"Bytes of that which are kept for what encrypting adds: SRTP_MAX_SRTCP_TRAILER_LEN of libsrtp."

LONGEST = ROOM - TRAILER
"Bytes of a packet that can be encrypted."

Process = Callable[[object, object, object], int]
"A function of libsrtp: session, packet and length, which it changes; 0 if it could."


class PacketRoom:
    """Memory in which libsrtp decrypts or encrypts one packet."""

    def __init__(self) -> None:
        self.memory = ffi.new("char[]", ROOM)
        self.content: Any = ffi.buffer(self.memory)
        "The packet's bytes, to be read and written in slices."

        self.length: Any = ffi.new("int *")
        "Holds the packet's length at [0], at most LONGEST before it is encrypted."


class BoundedSession:
    """What aiortc uses of a session. A packet of one stream too many raises pylibsrtp.Error, as one that is damaged.

    It calls libsrtp as pylibsrtp does, which makes new room for each packet's length.
    """

    def __init__(self, session: pylibsrtp.Session, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that never go back."""
        self._session = session
        self._clock = clock
        self.last: dict[int, float] = {}
        "When each stream was heard last, by its SSRC."

        self.room = PacketRoom()
        "The session's own, for one packet after the other."

        self.protect = self._processing(RTP_SSRC, lib.srtp_protect)
        "Encrypts RTP. Raises pylibsrtp.Error, and ValueError for more than 1,900 bytes."

        self.protect_rtcp = self._processing(RTCP_SSRC, lib.srtp_protect_rtcp)
        "Encrypts RTCP. Raises as `protect` does."

        self.unprotect = self._processing(RTP_SSRC, lib.srtp_unprotect)
        "Decrypts RTP. Raises as `protect` does."

        self.unprotect_rtcp = self._processing(RTCP_SSRC, lib.srtp_unprotect_rtcp)
        "Decrypts RTCP. Raises as `protect` does."

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self.last)

    def decrypting(self, room: PacketRoom) -> Callable[[], int]:
        """Make a function that decrypts the RTP packet there, whose stream has to be in `last`.

        It returns 0 if it could.
        """
        return partial(lib.srtp_unprotect, self._session._srtp[0], room.memory, room.length)

    def encrypting(self, room: PacketRoom) -> Callable[[], int]:
        """Make a function that encrypts the RTP packet there, as `decrypting` does."""
        return partial(lib.srtp_protect, self._session._srtp[0], room.memory, room.length)

    def _processing(self, where: slice, process: Process) -> Callable[[bytes], bytes]:
        """What processes each packet. All that doesn't change from one to the next is there before."""
        srtp, last, clock, error = self._session._srtp[0], self.last, self._clock, pylibsrtp.Error
        room, length, content = self.room.memory, self.room.length, self.room.content

        def processed(packet: bytes) -> bytes:
            size, ssrc = len(packet), int.from_bytes(packet[where], "big")
            if size > LONGEST:
                raise ValueError("packet is too long")
            if ssrc not in last and len(last) >= MOST:
                self._make_room(clock())
            content[0:size] = packet
            length[0] = size
            if status := process(srtp, room, length):
                raise error(f"libsrtp's error {status}")
            # Only now: what isn't the other side's takes nobody's place.
            last[ssrc] = clock()
            done: bytes = content[0 : length[0]]
            return done

        return processed

    def _make_room(self, now: float) -> None:
        idle, since = min(self.last.items(), key=lambda each: each[1])
        if now - since < IDLE_SECONDS:
            raise pylibsrtp.Error("There are too many streams.")
        self._session.remove_stream(idle)
        del self.last[idle]
