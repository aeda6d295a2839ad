"""Sockets that systemd has opened for us, outside of the service's sandbox (sd_listen_fds(3)).

The page's port it holds while the program is stopped: nobody else can take it then, and what the page asks meanwhile is
answered once the program is back.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from peer.handset.access import HOST
from shared.connection_user import NETLINK_SOCK_DIAG

FIRST_DESCRIPTOR = 3
"SD_LISTEN_FDS_START."

MOST_DESCRIPTORS = 16
"How many are looked at."

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class SystemdSockets:
    """What it has passed on to this process; each is None if it isn't there."""

    page: socket.socket | None = None
    "A TCP socket on 127.0.0.1 that listens already."

    users: socket.socket | None = None
    "Asks the kernel whose a connection is. It knows the users whom the sandbox's own namespace hides."

    def close(self) -> None:
        """Leave them to systemd."""
        for sock in (self.page, self.users):
            if sock is not None:
                sock.close()


def handed_over(environment: MutableMapping[str, str] = os.environ) -> SystemdSockets:
    """Take them. Their variables are removed from the environment, so that no child believes that they are for it."""
    told = {name: environment.pop(name, "") for name in _VARIABLES}
    if told["LISTEN_PID"] != str(os.getpid()) or re.fullmatch("[0-9]{1,4}", told["LISTEN_FDS"]) is None:
        return SystemdSockets()
    page = users = None
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + min(int(told["LISTEN_FDS"]), MOST_DESCRIPTORS)):
        try:
            os.set_inheritable(descriptor, False)
            sock = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        if page is None and _serves_page(sock):
            sock.setblocking(False)
            page = sock
        elif users is None and (sock.family, sock.proto) == (socket.AF_NETLINK, NETLINK_SOCK_DIAG):
            users = sock
        else:
            sock.close()
    return SystemdSockets(page, users)


def _serves_page(sock: socket.socket) -> bool:
    listens = sock.family == socket.AF_INET and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    return listens and sock.type == socket.SOCK_STREAM and bool(sock.getsockname()[0] == HOST)
