"""The page's server that is loaded when the first browser comes.

With it comes aiohttp: a fifth of a program's start, and memory that one without a page at the moment needn't hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from peer.handset.access import HOST, PageSession
from peer.handset.page import Pages
from peer.handset.tickets import Tickets
from shared.kept_running import Part, kept_running

if TYPE_CHECKING:
    from peer.handset.page_server import PageListener
    from peer.handset.server import HandsetServer


class LateServer:
    """A HandsetServer, see there, that isn't made before somebody connects."""

    def __init__(self, pages: Pages, listener: PageListener, listening: socket.socket, home_key: bytes) -> None:
        """`home_key` are the 32 bytes that pages of earlier runs know; see `listening_socket`."""
        self._pages = pages
        self._listener = listener
        self._socket = listening
        self._home_key = home_key
        self.session = PageSession(listening.getsockname()[1])
        "Holds the address to open."

        self.tickets = Tickets()
        "For addresses that others can read."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the length of the block; then tell the pages, and close them."""
        async with (
            contextlib.AsyncExitStack() as serving,
            kept_running(Part("Serving the page", functools.partial(self._begin, serving))),
        ):
            serving.enter_context(self._socket)
            yield

    async def _begin(self, serving: contextlib.AsyncExitStack) -> None:
        await self._somebody_comes()
        # In a thread: calls go on meanwhile.
        kind = await asyncio.to_thread(_load)
        server = kind(
            self._pages, self._listener, self._socket, self._home_key, session=self.session, tickets=self.tickets
        )
        await serving.enter_async_context(server.running())

    async def _somebody_comes(self) -> None:
        """Wait until a connection is in the kernel's queue, where it stays."""
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._socket, came.set)
        try:
            await came.wait()
        finally:
            loop.remove_reader(self._socket)


def _load() -> type[HandsetServer]:
    from peer.handset.server import HandsetServer

    return HandsetServer


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on loopback; `port` 0 takes any that is free. Raises OSError if it is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # We can take a port that only waits for old connections to end, but not one that a program listens on.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen()
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
