"""The handset of a running program: the pages, what is said to them, and the server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable

from bot.home import Home
from bot.page.presenter import Reception
from bot.settings import own_card
from peer.calls.link_reader import LinkReader
from peer.handset.page import Pages
from peer.handset.server import HandsetServer
from peer.overlay.watch import OverlayWatch
from shared.config.schema import Config
from shared.node_id import NodeId
from shared.store import Store


class Handset:
    """Everything that there is for the page."""

    def __init__(self, reception: Reception, server: HandsetServer, notices: list[str]) -> None:
        self.reception = reception
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
            telling = asyncio.create_task(self.reception.run())
            try:
                yield
            finally:
                telling.cancel()
                await asyncio.wait([telling])


def open_handset(config: Config, own: NodeId, overlay: str, watch: OverlayWatch, store: Store, home: Home) -> Handset:
    """Bind the port that is configured, or any other if that is taken."""
    pages = Pages()
    reception = Reception(
        own=own,
        name=config.name,
        overlay=overlay,
        watch=watch,
        store=store,
        reader=LinkReader(own, store, home.load_sealing_key()),
        own_card=lambda: own_card(home, config, own, store),
        lifetime=config.calls.lifetime,
        pages=pages,
    )
    notices: list[str] = []
    try:
        server = HandsetServer(pages, reception, port=config.handset.port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        server = HandsetServer(pages, reception, port=0)
        notices.append(
            f"Port {config.handset.port} is taken, so the handset page is at another one. Links of the form "
            f"http://127.0.0.1:{config.handset.port}/# lead to whoever has it."
        )
    return Handset(reception, server, notices)
