"""Loads the page's server when the first browser connects.

The server needs aiohttp: a fifth of a program's start, and memory that a program without an open page doesn't need.
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
    """A HandsetServer that isn't made until somebody connects."""

    def __init__(self, pages: Pages, listener: PageListener, listening: socket.socket, home_key: bytes) -> None:
        """`home_key` is the home's 32-byte key, which pages of earlier runs know.

        `listening` is a `listening_socket`.
        """
        self._pages = pages
        self._listener = listener
        self._socket = listening
        self._home_key = home_key
        self.session = PageSession(listening.getsockname()[1])
        "Has the address to open."

        self.tickets = Tickets()
        "Tickets for addresses that others can read."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve during the block, then tell the pages and close them."""
        async with (
            contextlib.AsyncExitStack() as serving,
            kept_running(Part("Serving the page", functools.partial(self._begin, serving))),
        ):
            serving.enter_context(self._socket)
            yield

    async def _begin(self, serving: contextlib.AsyncExitStack) -> None:
        await self._somebody_comes()
        # In a thread, because calls go on meanwhile.
        kind = await asyncio.to_thread(_load)
        server = kind(
            self._pages, self._listener, self._socket, self._home_key, session=self.session, tickets=self.tickets
        )
        await serving.enter_async_context(server.running())

    async def _somebody_comes(self) -> None:
        """Wait until a connection is in the kernel's queue, and leave it there."""
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
    """A socket that listens on loopback. `port` 0 uses any free port. Raises OSError if the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # This allows a port with old connections that are ending, but not a port on which a program listens.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen()
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
