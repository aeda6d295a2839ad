"""The handset of a running program: the pages, what is said to them, and the server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable

from bot.page.presenter import PageRequests, Presenter
from peer.handset.page import Pages
from peer.handset.server import HandsetServer


class Handset:
    """Everything that there is for the page."""

    def __init__(self, presenter: Presenter, server: HandsetServer, notices: list[str]) -> None:
        self._presenter = presenter
        self.notices = notices
        "What the owner has to know of it."

        self._server = server

    @property
    def address(self) -> str:
        """What the owner opens. The key is in it."""
        return self._server.session.address

    def address_for(self, place: str, used: Callable[[], None]) -> str:
        """What the owner opens from a place that others can read, such as a chat: it leads to the page once.

        The same for the same place, as long as it is good for a while; `used` is called when it has been opened.
        """
        return self._server.session.address_with(self._server.tickets.issue(place, used))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the page for the length of the block."""
        async with self._server.running():
            telling = asyncio.create_task(self._presenter.run())
            try:
                yield
            finally:
                telling.cancel()
                await asyncio.wait([telling])


def open_handset(pages: Pages, presenter: Presenter, requests: PageRequests, *, port: int) -> Handset:
    """Serve the page at the port that is configured, or at any other if that is taken."""
    notices: list[str] = []
    try:
        server = HandsetServer(pages, requests, port=port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        server = HandsetServer(pages, requests, port=0)
        notices.append(
            f"Port {port} is taken, so the handset page is at another one. Links of the form "
            f"http://127.0.0.1:{port}/# lead to whoever has it."
        )
    return Handset(presenter, server, notices)
