"""A socket filter that lets in only what comes through the loopback device, whatever address it was sent to.

SO_BINDTODEVICE can't do that: to it, what this machine sends to one of its own addresses comes by the network card that
has the address. A filter sees the device that the packet really came by.
"""

from __future__ import annotations

import socket

from peer.overlay.source_filter import NOTHING, WHOLE_PACKET, attach, source_filter


def only_through_loopback(sock: socket.socket) -> None:
    """Have the kernel drop whatever comes to a socket by another device than loopback.

    Raises OSError where the system has no such filter. What came before is still there: call it before the socket is
    bound.
    """
    attach(sock, source_filter(None, socket.if_nametoindex("lo"), yes=WHOLE_PACKET, no=NOTHING))
