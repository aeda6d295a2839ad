"""One question to Linux's kernel, and its answer (netlink(7)). The kernel of this machine answers at once."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")
"struct nlmsghdr: length, type, flags, sequence, port."

ATTRIBUTE = struct.Struct("=HH")
"struct nlattr: length, type; padded to four bytes."

NLM_F_REQUEST = 1
MOST_BYTES = 1 << 16
REPLY_SECONDS = 1.0


def asked(service: int, kind: int, body: bytes) -> tuple[int, bytes]:
    """Send one message of that kind to a service such as NETLINK_ROUTE; the kind of the answer, and what is in it.

    Raises OSError where there is no such service, struct.error for an answer that is none.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, service) as kernel:
        return Service(kernel).asked(kind, body)


class Service:
    """A socket to a service, for one question after the other, also of several threads."""

    def __init__(self, kernel: socket.socket) -> None:
        kernel.settimeout(REPLY_SECONDS)
        self._kernel = kernel
        self._sequence = 0
        self._turn = threading.Lock()

    def asked(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Send one message of that kind, and return the kind of its answer and what is in it.

        Raises OSError, also for no answer within `REPLY_SECONDS`, and struct.error for an answer that is none.
        """
        with self._turn:
            self._sequence += 1
            self._kernel.send(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST, self._sequence, 0) + body)
            while True:
                answer = self._kernel.recv(MOST_BYTES)
                length, kind, _, sequence, _ = HEADER.unpack_from(answer)
                if sequence == self._sequence:  # and not to a question whose answer came too late
                    return kind, answer[HEADER.size : length]


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute for a request; `value` fills four bytes or a multiple of that."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value


def attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of an answer, each with its kind."""
    place = 0
    while place + ATTRIBUTE.size <= len(raw):
        size, kind = ATTRIBUTE.unpack_from(raw, place)
        yield kind, raw[place + ATTRIBUTE.size : place + size]
        place += max(size + 3 & ~3, ATTRIBUTE.size)
