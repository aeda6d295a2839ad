"""Who may connect to the server, how many connections there are, and how long they last. This comes before any HTTP.

On loopback, other users' processes are turned away. On the overlay, addresses that aren't a device's are. That happens
before a byte is read, and only a limited number of times per second, because the event loop carries calls. All other
connections are limited in number and time, so that silent ones use up neither descriptors nor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from peer.handset.access import HOST
from shared.connection_user import CannotTell, user_of

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"The most connections at once. A browser opens six for the page's files, and one for its socket."

SHUTDOWN_SECONDS = 2.0
"Over TLS, how long the other side may take to agree to the end of a connection."

TURNED_AWAY_AT_ONCE = 20
"After this many connections were turned away, accepting pauses for a moment, and new ones wait in the kernel's queue."

PAUSE_SECONDS = 0.1

WAITING = 100
"How many connections may be in that queue (listen(2))."

TOLD_SECONDS = 60.0
"The shortest time between two log lines about turned away connections."


class ConnectionTimes(msgspec.Struct, frozen=True):
    """How long a connection may take, in seconds."""

    request: float = 10.0
    "For its first request, with the headers."

    connection: float = 60.0
    "For everything, unless it is a page's socket. Browsers open new ones as needed."

    proof: float = 20.0
    "For a page to prove that it knows the key. A busy browser needs a moment."


USUAL_TIMES = ConnectionTimes()

Factory = Callable[[], asyncio.BaseProtocol]
Client = tuple[Any, ...]
"Address and port, in the form of the socket module."


class ConnectionLimits:
    """Accepts the connections of a server."""

    def __init__(
        self,
        inside: Factory,
        *,
        admits: Callable[[Client], bool],
        most: int = MAX_CONNECTIONS,
        tls: ssl.SSLContext | None = None,
        times: ConnectionTimes = USUAL_TIMES,
    ) -> None:
        """`inside` makes the protocol of an admitted connection. `admits` decides by the address of its other end."""
        self._inside = inside
        self._admits = admits
        self._tls = tls
        self._most = most
        self._times = times
        self._limits: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        "Connections with a time limit, oldest first."

        self._lasting: set[asyncio.Transport] = set()
        "Sockets of pages."

        self._hosts: dict[asyncio.Transport, str] = {}
        "The host at the other end of each of these."

        self._arriving: set[asyncio.Task[None]] = set()
        self._turned_away = 0
        "How many were turned away since the last pause."

        self._told = -TOLD_SECONDS

    @contextlib.contextmanager
    def open(self, listening: socket.socket) -> Iterator[None]:
        """Accept connections during the block, then close the socket."""
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
            except OSError:  # no descriptor is free; connections with a time limit will release some
                loop.remove_reader(listening)
                reopening = loop.call_later(PAUSE_SECONDS, reopen)
                return
            if self._admits(client) and len(self._arriving) < self._most:
                arriving = loop.create_task(self._let_in(accepted))
                self._arriving.add(arriving)
                arriving.add_done_callback(functools.partial(self._came_in, accepted))
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
        """Note that a connection's first request has come."""
        if (known := self._known(transport)) is not None:
            self._limit(known, self._times.connection)

    def stays(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that a connection is a page's socket now. It lasts as long as the page."""
        if (known := self._known(transport)) is not None:
            self._limits.pop(known).cancel()
            self._lasting.add(known)

    def close(self) -> None:
        """End connections with a time limit, and those that are just arriving."""
        for task in self._arriving:
            task.cancel()
        for transport in tuple(self._limits):
            self._turn_out(transport)

    def _known(self, transport: asyncio.BaseTransport | None) -> asyncio.Transport | None:
        known = cast(asyncio.Transport, transport)
        return known if known in self._limits else None

    def turn_out(self, host: str) -> None:
        """End every connection from an address, including pages' sockets."""
        for each in [each for each, peer in self._hosts.items() if peer == host]:
            self._turn_out(each)

    async def _let_in(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other side is gone, or speaks no TLS
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Accepted(self._arrived),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._times.request if self._tls else None,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS if self._tls else None,
            )

    def _came_in(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if task.cancelled():
            accepted.close()  # if it was cancelled before it started, it has closed nothing itself
        elif (error := task.exception()) is not None:
            logger.error("a connection couldn't be let in", exc_info=error)

    def _tell(self, now: float) -> None:
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            logger.info("connections from elsewhere are turned away")

    def _arrived(self, transport: asyncio.Transport) -> None:
        for each in [each for each in (*self._limits, *self._lasting) if each.is_closing()]:
            self._forget(each)
        if len(self._limits) + len(self._lasting) >= self._most:
            # End the oldest one that isn't a page's socket, because it is the least likely to become one.
            if not self._limits:
                transport.abort()
                return
            self._turn_out(next(iter(self._limits)))
        self._limit(transport, self._times.request)
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
        if not transport.is_closing():  # a closing TLS connection can't be ended again, and has its own limit
            transport.abort()

    def _forget(self, transport: asyncio.Transport) -> None:
        if (limit := self._limits.pop(transport, None)) is not None:
            limit.cancel()
        self._lasting.discard(transport)
        self._hosts.pop(transport, None)


def of_this_user(client: Client, port: int) -> bool:
    """Whether a connection to that port on loopback belongs to a process of our own user."""
    try:
        return user_of((client[0], client[1]), (HOST, port)) == os.geteuid()
    except CannotTell:
        return True


class _Accepted(asyncio.Protocol):
    """The protocol of a connection until it is admitted."""

    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrived(cast(asyncio.Transport, transport))
