"""The least that a relay of Python can do: receive, decrypt, encrypt, send, in a thread that does nothing else.

It has no ICE and no DTLS, believes every sender, counts nothing and bounds nothing. So what our relay takes beside it
is what all that costs.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from pylibsrtp import Policy, Session

from peer.transport.connections import MAX_DATAGRAM
from peer.transport.rtp_packets import is_rtp

KEY_BYTES = 44
"Key and salt of AEAD_AES_256_GCM (RFC 7714), which two legs agree on."

Process = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Both directions of one connection, at one of its ends."""

    incoming: Session
    outgoing: Session

    @classmethod
    def of(cls, key: bytes) -> Sessions:
        """The same key, 44 bytes, for both: each has streams of its own."""

        def session(kind: int) -> Session:
            policy = Policy(key=key, ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
            # As aiortc has it.
            policy.allow_repeat_tx, policy.window_size = True, 1024
            return Session(policy)

        return cls(session(Policy.SSRC_ANY_INBOUND), session(Policy.SSRC_ANY_OUTBOUND))

    def encrypt(self, packet: bytes) -> bytes:
        """RTP or RTCP."""
        return self.outgoing.protect(packet) if is_rtp(packet) else self.outgoing.protect_rtcp(packet)


@dataclass(frozen=True, slots=True)
class _Way:
    """From one socket to where the other one sends."""

    one: socket.socket
    incoming: Session
    other: socket.socket
    outgoing: Session
    to: tuple[str, int]


class BareLoop:
    """Forwards between pairs of sockets until it is closed."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ways: dict[int, _Way] = {}
        self._wake, self._woken = socket.socketpair()
        self._poll.register(self._woken, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def add(self, key: bytes, one: tuple[str, tuple[str, int]], other: tuple[str, tuple[str, int]]) -> tuple[int, int]:
        """Forward between two ends. Each is our address and theirs with its port; returns our two ports."""
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        sessions = [Sessions.of(key) for _ in range(2)]
        for sock, (own, _) in zip(sockets, (one, other), strict=True):
            sock.bind((own, 0))
        for here, there, (_, to) in ((0, 1, other), (1, 0, one)):
            self._ways[sockets[here].fileno()] = _Way(
                sockets[here], sessions[here].incoming, sockets[there], sessions[there].outgoing, to
            )
        for sock in sockets:
            self._poll.register(sock, select.EPOLLIN)
        return sockets[0].getsockname()[1], sockets[1].getsockname()[1]

    def close(self) -> None:
        """End the thread and close the sockets."""
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._poll.close()
        for way in self._ways.values():
            way.one.close()

    def _run(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                if number not in self._ways:
                    return
                way = self._ways[number]
                datagram, _ = way.one.recvfrom(MAX_DATAGRAM)
                if is_rtp(datagram):
                    datagram = way.outgoing.protect(way.incoming.unprotect(datagram))
                else:
                    datagram = way.outgoing.protect_rtcp(way.incoming.unprotect_rtcp(datagram))
                way.other.sendto(datagram, way.to)
