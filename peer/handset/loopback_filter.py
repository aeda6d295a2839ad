"""A socket filter that accepts only packets from the loopback device, whatever address they were sent to.

SO_BINDTODEVICE can't do that: it takes packets that this machine sends to one of its own addresses for packets of that
address's network card. A filter sees the real device.
"""

from __future__ import annotations

import socket

from peer.overlay.source_filter import NOTHING, WHOLE_PACKET, attach, source_filter


def only_through_loopback(sock: socket.socket) -> None:
    """Make the kernel drop all packets for a socket that don't come from the loopback device.

    Raises OSError if the system has no such filter. Packets that came before stay, so call it before the socket is
    bound.
    """
    attach(sock, source_filter(None, socket.if_nametoindex("lo"), yes=WHOLE_PACKET, no=NOTHING))
