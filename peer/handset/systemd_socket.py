"""A socket that systemd has opened for us and holds while the program is stopped (sd_listen_fds(3)).

Nobody else can take the port then, and what the page asks meanwhile is answered once the program is back.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import MutableMapping

from peer.handset.access import HOST

FIRST_DESCRIPTOR = 3
"SD_LISTEN_FDS_START."

MOST_DESCRIPTORS = 16
"How many are looked at."

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def handed_over(environment: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """The TCP socket on 127.0.0.1 that systemd has passed on to this process, if there is one; it listens already.

    Its variables are removed from the environment, so that no child believes that they are for it.
    """
    told = {name: environment.pop(name, "") for name in _VARIABLES}
    if told["LISTEN_PID"] != str(os.getpid()) or re.fullmatch("[0-9]{1,4}", told["LISTEN_FDS"]) is None:
        return None
    found = None
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + min(int(told["LISTEN_FDS"]), MOST_DESCRIPTORS)):
        if found is None:
            found = _usable(descriptor)
    return found


def _usable(descriptor: int) -> socket.socket | None:
    """The socket of a descriptor, if it is one on which the page can be served."""
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    listens = sock.family == socket.AF_INET and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    if not listens or sock.type != socket.SOCK_STREAM or sock.getsockname()[0] != HOST:
        sock.close()
        return None
    sock.setblocking(False)
    return sock
