"""Who may hold a connection to the server, how many there are, and for how long. It comes before any HTTP.

On loopback another user's process is turned away, on the overlay an address that isn't a device's: before a byte is
read, and only a limited number of times a second, because this event loop carries calls. The rest is bounded in number
and time, so that connections that say nothing cost the program neither its descriptors nor its patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, cast

from peer.handset.access import HOST
from shared.connection_user import CannotTell, user_of

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"At the same time. A browser opens six for the page's files, and one for its socket."

REQUEST_SECONDS = 10.0
"Until a new connection's first request is there, with all of its header."

CONNECTION_SECONDS = 60.0
"How long a connection lasts that doesn't become a page's socket. Browsers open another one as they need it."

SHUTDOWN_SECONDS = 2.0
"Over TLS: until the other side has agreed to the end of a connection."

TURNED_AWAY_AT_ONCE = 20
"Connections; then accepting pauses for a moment, and new ones wait in the kernel's queue."

PAUSE_SECONDS = 0.1

WAITING = 100
"Connections in that queue, listen(2)."

TOLD_SECONDS = 60.0
"Between two lines in the log about those who are turned away."

Factory = Callable[[], asyncio.BaseProtocol]
Client = tuple[Any, ...]
"Address and port, as the socket module has them."


class ConnectionLimits:
    """Accepts the connections of a server."""

    def __init__(
        self,
        inside: Factory,
        *,
        admits: Callable[[Client], bool],
        most: int = MAX_CONNECTIONS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`inside` makes the protocol of a connection that is let in; `admits` says from where one is."""
        self._inside = inside
        self._admits = admits
        self._tls = tls
        self._most = most
        self._limits: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        "Connections that have a time limit, oldest first."

        self._lasting: set[asyncio.Transport] = set()
        "Sockets of pages."

        self._hosts: dict[asyncio.Transport, str] = {}
        "Where all of these come from."

        self._arriving: set[asyncio.Task[None]] = set()
        self._turned_away = 0
        "Since the last pause."

        self._told = -TOLD_SECONDS

    @contextlib.contextmanager
    def open(self, listening: socket.socket) -> Iterator[None]:
        """Accept for the length of the block, then close the socket."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        listening.listen(WAITING)
        reopening: asyncio.TimerHandle | None = None

        def accept() -> None:
            nonlocal reopening
            try:
                accepted, client = listening.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is free: those that have a time limit give some back
                loop.remove_reader(listening)
                reopening = loop.call_later(PAUSE_SECONDS, reopen)
                return
            if self._admits(client) and len(self._arriving) < self._most:
                arriving = loop.create_task(self._let_in(accepted))
                self._arriving.add(arriving)
                arriving.add_done_callback(self._arriving.discard)
                # One that is cancelled before it has begun closes nothing.
                arriving.add_done_callback(lambda task: accepted.close() if task.cancelled() else None)
                return
            accepted.close()
            self._turned_away += 1
            self._tell(loop.time())
            if self._turned_away >= TURNED_AWAY_AT_ONCE:
                loop.remove_reader(listening)
                reopening = loop.call_later(PAUSE_SECONDS, reopen)

        def reopen() -> None:
            self._turned_away = 0
            loop.add_reader(listening, accept)

        reopen()
        with listening:
            try:
                yield
            finally:
                loop.remove_reader(listening)
                if reopening is not None:
                    reopening.cancel()

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
        """End what has a time limit, and what comes in at this moment."""
        for task in self._arriving:
            task.cancel()
        for transport in tuple(self._limits):
            self._turn_out(transport)

    def _known(self, transport: asyncio.BaseTransport | None) -> asyncio.Transport | None:
        known = cast(asyncio.Transport, transport)
        return known if known in self._limits else None

    def turn_out(self, host: str) -> None:
        """End every connection from an address, those of pages too."""
        for each in [each for each, peer in self._hosts.items() if peer == host]:
            self._turn_out(each)

    async def _let_in(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it has gone already, or speaks no TLS
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Accepted(self._arrived),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=REQUEST_SECONDS if self._tls else None,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS if self._tls else None,
            )

    def _tell(self, now: float) -> None:
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            logger.info("connections from elsewhere are turned away")

    def _arrived(self, transport: asyncio.Transport) -> None:
        for each in [each for each in (*self._limits, *self._lasting) if each.is_closing()]:
            self._forget(each)
        if len(self._limits) + len(self._lasting) >= self._most:
            # The oldest that isn't a page gives way: the one that has waited longest is the least likely to become one.
            if not self._limits:
                transport.abort()
                return
            self._turn_out(next(iter(self._limits)))
        self._limit(transport, REQUEST_SECONDS)
        self._hosts[transport] = str((transport.get_extra_info("peername") or ("",))[0])
        protocol = self._inside()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _limit(self, transport: asyncio.Transport, seconds: float) -> None:
        if (before := self._limits.get(transport)) is not None:
            before.cancel()
        self._limits[transport] = asyncio.get_running_loop().call_later(seconds, self._turn_out, transport)

    def _turn_out(self, transport: asyncio.Transport) -> None:
        self._forget(transport)
        if not transport.is_closing():  # one over TLS that is can't be ended twice, and has a limit of its own
            transport.abort()

    def _forget(self, transport: asyncio.Transport) -> None:
        if (limit := self._limits.pop(transport, None)) is not None:
            limit.cancel()
        self._lasting.discard(transport)
        self._hosts.pop(transport, None)


def of_this_user(client: Client, port: int) -> bool:
    """Whether a connection to that port on loopback is of a process of our own user."""
    try:
        return user_of((client[0], client[1]), (HOST, port)) == os.geteuid()
    except CannotTell:
        return True


class _Accepted(asyncio.Protocol):
    """Where a connection is until it is let in."""

    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrived(cast(asyncio.Transport, transport))
