"""The page for this machine's own browser: on loopback, and only for the owner's processes."""

from __future__ import annotations

import socket
from pathlib import Path

from aiohttp import web

from peer.handset.access import PageSession
from peer.handset.connection_limits import USUAL_TIMES, Client, ConnectionTimes, of_this_user
from peer.handset.page import Page, Pages
from peer.handset.page_server import STATIC, PageListener, PageServer, Proven
from peer.handset.proof import proof_key
from peer.handset.protocol import HomeKey, Prove
from peer.handset.tickets import Tickets


class HandsetServer(PageServer):
    """Admits a browser that knows the key of this run, a ticket, or the home's key."""

    def __init__(
        self,
        pages: Pages,
        listener: PageListener,
        listening: socket.socket,
        home_key: bytes,
        *,
        session: PageSession | None = None,
        tickets: Tickets | None = None,
        static: Path = STATIC,
        times: ConnectionTimes = USUAL_TIMES,
    ) -> None:
        """`home_key` is the home's 32-byte key, which pages of earlier runs know. `listening` is a `listening_socket`.

        `session` and `tickets` are given if they were made earlier.
        """
        super().__init__(pages, listener, listening, session or PageSession(listening.getsockname()[1]), static, times)
        self._home_key = home_key
        self.tickets = tickets or Tickets()
        "Tickets for addresses that others can read."

    def _admits(self, client: Client) -> bool:
        return of_this_user(client, self.session.port)

    def _stop(self) -> None:
        self._pages.stop(self)

    def _key_named(self, asked: Prove, request: web.Request) -> tuple[bytes, bytes] | None:
        match asked.key:
            case "home":
                return self._home_key, self._home_key
            case "run":
                secret = self.session.key.encode()
            case "ticket" if (ticket := self.tickets.named(asked.name)) is not None:
                secret = ticket.encode()
            case _:
                return None
        return proof_key(secret), secret

    async def _let_in(self, sock: web.WebSocketResponse, request: web.Request, proven: Proven) -> Page | None:
        if proven.asked.key == "ticket" and not self.tickets.take(proven.secret.decode()):
            return None
        page = Page(server=self, tab=proven.asked.tab, takes=proven.asked.takes)
        if proven.asked.key != "home":
            page.send(HomeKey(key=proven.meeting.wrapped(proven.secret, self._home_key)))
        return page
