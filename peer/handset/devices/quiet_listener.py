"""A TCP listener that replies only to certain addresses. All others get no reply at all.

Two sockets share the port (SO_REUSEPORT). The first is a decoy whose queue is always full, so the kernel drops all
connections to it (Linux, tcp_conn_request). A filter, which any user may attach (SO_ATTACH_REUSEPORT_CBPF), passes the
allowed addresses to the second socket, which is served. The filter can be replaced while both listen. A lone ACK gets a
RST, as from a closed port.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Collection
from typing import Self

from peer.overlay import Address
from peer.overlay.source_filter import SO_ATTACH_REUSEPORT_CBPF, attach, source_filter
from shared.errors import HandsetError, OverlayDown, PortTaken

DECOY, SERVED = 0, 1
"The sockets' places in the group, in the order in which they began to listen."

FILL_SECONDS = 0.2
"How long our own connection to the decoy may take. The event loop waits for it, but on one machine it is immediate."

LOOK_SECONDS = 0.005

TCP_INFO_WAITING = 24
"""The offset in bytes of the number of waiting connections in a listener's struct tcp_info (linux/tcp.h, where the
field is tcpi_unacked; tcp_get_info)."""


class QuietListener:
    """The two sockets, from `open` to `close`."""

    def __init__(self, decoy: socket.socket, filler: socket.socket, served: socket.socket) -> None:
        self._decoy = decoy
        self._filler = filler
        "Occupies the only place in the decoy's queue, or waits for it."

        self.served = served
        "The socket that is served. It listens already."

    @classmethod
    def open(cls, address: Address, port: int, allowed: Collection[Address] | None, device: int | None) -> Self:
        """Listen at that address for these addresses, through that device. `port` 0 uses any free port.

        Raises PortTaken, OverlayDown if the machine doesn't have the address, and HandsetError if the system has no
        such filter.
        """
        if sys.platform != "linux":
            raise HandsetError("Only on Linux can other devices be used as handset.")
        opened: list[socket.socket] = []
        try:
            _check_free(address, port)
            decoy = _bound(address, port, opened)
            decoy.listen(0)
            filler = socket.socket(decoy.family, socket.SOCK_STREAM)
            opened.append(filler)
            fill(decoy, filler)
            _attach(decoy, allowed, device)
            served = _bound(address, decoy.getsockname()[1], opened)
            served.listen()
            served.setblocking(False)
        except OSError as error:
            for each in opened:
                each.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(f"Another program has the TCP port {port} on the overlay address.") from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise OverlayDown("This machine doesn't have its overlay address any more.") from error
            raise HandsetError("This system can't hide a port from strangers, so no device is served.") from error
        return cls(decoy, filler, served)

    def allow(self, allowed: Collection[Address] | None, device: int | None) -> None:
        """From now on, reply to these addresses through that device. None: every address, any device."""
        _attach(self._decoy, allowed, device)

    def close(self) -> None:
        """Close both, the served one first: between the two moments nobody gets a reply."""
        self.served.close()
        self._decoy.close()
        self._filler.close()


def fill(decoy: socket.socket, filler: socket.socket) -> None:
    """Occupy the only place in the decoy's queue, unless it is taken. Nothing accepts it, so it stays taken.

    Raises OSError if that fails.
    """
    filler.setblocking(False)
    error = filler.connect_ex(decoy.getsockname())
    if error not in (0, errno.EINPROGRESS):
        raise OSError(error, os.strerror(error))
    until = time.monotonic() + FILL_SECONDS
    while not waiting(decoy):
        if time.monotonic() > until:
            raise TimeoutError("the queue of a listener doesn't fill")
        time.sleep(LOOK_SECONDS)


def waiting(listener: socket.socket) -> int:
    """How many connections wait to be accepted."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_WAITING + 4)
    return int.from_bytes(info[TCP_INFO_WAITING:], sys.byteorder)


def _check_free(address: Address, port: int) -> None:
    """Raise OSError if somebody listens there. Another home of this user would otherwise share the port with us."""
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((str(address), port))


def _bound(address: Address, port: int, opened: list[socket.socket]) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    opened.append(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((str(address), port))
    return sock


def _attach(sock: socket.socket, allowed: Collection[Address] | None, device: int | None) -> None:
    attach(sock, source_filter(allowed, device, yes=SERVED, no=DECOY), SO_ATTACH_REUSEPORT_CBPF)
