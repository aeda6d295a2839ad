"""The page for this machine's own browser: on loopback, and for the owner's processes only."""

from __future__ import annotations

import socket
from pathlib import Path

from aiohttp import web

from peer.handset.access import HOST, PageSession
from peer.handset.connection_limits import Client, of_this_user
from peer.handset.page import Page, Pages
from peer.handset.page_server import STATIC, PageListener, PageServer, Proven
from peer.handset.proof import proof_key
from peer.handset.protocol import HomeKey, Prove
from peer.handset.tickets import Tickets


class HandsetServer(PageServer):
    """Lets in the browser that knows the key of this run, a ticket, or the home's key."""

    def __init__(
        self, pages: Pages, listener: PageListener, listening: socket.socket, home_key: bytes, *, static: Path = STATIC
    ) -> None:
        """`home_key` are the 32 bytes that pages of earlier runs know; see `listening_socket`."""
        super().__init__(pages, listener, listening, PageSession(listening.getsockname()[1]), static)
        self._home_key = home_key
        self.tickets = Tickets()
        "For addresses that others can read."

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
