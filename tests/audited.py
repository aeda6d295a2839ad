"""What this process asks of the network, as Python's audit events tell it (PEP 578)."""

from __future__ import annotations

import contextlib
import functools
import socket
import sys
from collections.abc import Iterator

EVENTS = {
    *("socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg"),
    *("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname", "socket.getnameinfo"),
}

INTERNET = (socket.AF_INET, socket.AF_INET6)

_listening: list[list[str]] = []


@contextlib.contextmanager
def audited() -> Iterator[list[str]]:
    """Yield a list of what is asked of the internet's sockets and of resolvers during the block, in any thread."""
    _begin()
    found: list[str] = []
    _listening.append(found)
    try:
        yield found
    finally:
        _listening.remove(found)


@functools.cache
def _begin() -> None:
    """Hear of each event from now on. That can't be ended, so it is done once."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not _listening or event not in EVENTS:
        return
    first, *others = arguments
    if isinstance(first, socket.socket):
        if first.family not in INTERNET:
            return
        arguments = tuple(others)
    for found in _listening:
        found.append(f"{event} {arguments}")
