"""The server's door: who may hold a connection, how many there are, and for how long. It comes before any HTTP.

Another user's process is turned away before a byte of it is read. The rest is bounded in number and time, so that
connections that say nothing cost the program neither its descriptors nor its patience.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import cast

from peer.handset.access import HOST
from shared.connection_user import CannotTell, user_of

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"At the same time. A browser opens six for the page's files, and one for its socket."

REQUEST_SECONDS = 10.0
"Until a new connection's first request is there, with all of its header."

CONNECTION_SECONDS = 60.0
"How long a connection lasts that doesn't become a page's socket. Browsers open another one as they need it."

Factory = Callable[[], asyncio.BaseProtocol]


class Door:
    """Makes the protocols of a server's connections: what `create_server` is given in place of the server itself."""

    def __init__(self, inside: Factory, *, port: int, most: int = MAX_CONNECTIONS) -> None:
        """`inside` makes the protocol of a connection that is let in; `port` is the server's."""
        self._inside = inside
        self._port = port
        self._most = most
        self._limits: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        "Connections that have a time limit, oldest first."

        self._lasting: set[asyncio.Transport] = set()
        "Sockets of pages."

    def __call__(self) -> asyncio.BaseProtocol:
        """The protocol of a connection that was just accepted."""
        return _Doorstep(self._arrived)

    def asked(self, transport: asyncio.BaseTransport | None) -> None:
        """A connection's first request is there."""
        if (known := self._known(transport)) is not None:
            self._limit(known, CONNECTION_SECONDS)

    def stays(self, transport: asyncio.BaseTransport | None) -> None:
        """A connection has become a page's socket, which lasts as long as the page."""
        if (known := self._known(transport)) is not None:
            self._limits.pop(known).cancel()
            self._lasting.add(known)

    def close(self) -> None:
        """End what has a time limit."""
        for transport in tuple(self._limits):
            self._turn_out(transport)

    def _known(self, transport: asyncio.BaseTransport | None) -> asyncio.Transport | None:
        known = cast(asyncio.Transport, transport)
        return known if known in self._limits else None

    def _arrived(self, transport: asyncio.Transport) -> None:
        if not self._is_ours(transport):
            logger.info("another user of this machine was turned away")
            transport.abort()
            return
        for each in [each for each in (*self._limits, *self._lasting) if each.is_closing()]:
            self._forget(each)
        if len(self._limits) + len(self._lasting) >= self._most:
            # The oldest that isn't a page gives way: the one that has waited longest is the least likely to become one.
            if not self._limits:
                transport.abort()
                return
            self._turn_out(next(iter(self._limits)))
        self._limit(transport, REQUEST_SECONDS)
        protocol = self._inside()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _is_ours(self, transport: asyncio.Transport) -> bool:
        client = transport.get_extra_info("peername")
        if not client:
            return False  # it has gone already
        try:
            return user_of(client[:2], (HOST, self._port)) == os.geteuid()
        except CannotTell:
            return True

    def _limit(self, transport: asyncio.Transport, seconds: float) -> None:
        if (before := self._limits.get(transport)) is not None:
            before.cancel()
        self._limits[transport] = asyncio.get_running_loop().call_later(seconds, self._turn_out, transport)

    def _turn_out(self, transport: asyncio.Transport) -> None:
        self._forget(transport)
        transport.abort()

    def _forget(self, transport: asyncio.Transport) -> None:
        if (limit := self._limits.pop(transport, None)) is not None:
            limit.cancel()
        self._lasting.discard(transport)


class _Doorstep(asyncio.Protocol):
    """Where a connection is until it is let in."""

    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrived(cast(asyncio.Transport, transport))
