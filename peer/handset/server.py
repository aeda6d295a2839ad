"""The handset's server: files and one WebSocket, on loopback and for the owner's browser only.

guard.py decides about each request. Nothing is changed by anything but a WebSocket message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from peer.handset.access import (
    HOST,
    Refused,
    Session,
    check_cookie,
    check_fetch,
    check_host,
    check_key,
    check_meant,
    check_socket_origin,
    check_ticket,
    response_headers,
    socket_owner,
)
from peer.handset.page import Page, Pages
from peer.handset.protocol import MAX_MESSAGE, FromPage, Hello, decode, encode
from peer.handset.tickets import Tickets
from shared.errors import CopybaraError, HandsetError

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"

CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
}
"What there is to serve. A file of any other kind isn't."

PROC_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

MAX_AT_ONCE = 32
"Messages of one page that may be worked on at the same time."

SEND_SECONDS = 10.0
"How long a page may take to receive a message."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Listener(Protocol):
    """Whoever acts on what a page says."""

    async def hello(self) -> Hello:
        """What a new page is told first. Everything after it is sent through Pages."""

    async def heard(self, page: Page, message: FromPage) -> None:
        """Act on one message. Raises CopybaraError, which the page is told."""


class HandsetServer:
    """Serves the page from `start` to the end of `running`."""

    def __init__(self, pages: Pages, listener: Listener, *, port: int, static: Path = STATIC) -> None:
        """`port` 0 takes any that is free."""
        self._pages = pages
        self._listener = listener
        self._static = static
        self._socket = _listening_socket(port)
        self.session = Session(self._socket.getsockname()[1])
        "Holds the key and the address to open."

        self.tickets = Tickets()
        "For addresses that others can read."

        self._headers = response_headers(self.session)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the length of the block; then the page is told, and closed."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/socket", self._serve_socket)
        app.router.add_get("/{path:.*}", self._serve_file)
        app.on_response_prepare.append(self._add_headers)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            yield
        finally:
            self._pages.stop()
            await runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            await self._check(request)
            return await handler(request)
        except Refused as refused:
            logger.info("refused: %s", refused.sentence)
            return web.Response(status=refused.status, text=f"{refused.sentence}\n")
        except ConnectionError:
            return web.Response(status=400)  # whoever asked has gone meanwhile

    async def _check(self, request: web.Request) -> None:
        check_host(self.session, request.headers.get("Host"))
        if request.path == "/socket":
            check_socket_origin(self.session, request.headers.get("Host"), request.headers.get("Origin"))
            check_key(self.session, request.query.get("key"))
        document = request.path == "/"
        check_fetch(self.session, request.headers, document=document)
        if document and "key" in request.query:
            check_key(self.session, request.query.get("key"))
        elif _ticket(request) is not None:
            check_meant(request.headers)
        else:
            check_cookie(self.session, request.headers.get("Cookie"))
        await self._check_user(request)

    async def _check_user(self, request: web.Request) -> None:
        """Refuse what another user's program asks, even one that knows the key. Linux tells who it is."""
        client = request.transport.get_extra_info("peername") if request.transport else None
        tables = await asyncio.get_running_loop().run_in_executor(None, _proc_tables)
        if tables is None:
            return
        owner = socket_owner(tables, client[:2], (HOST, self.session.port)) if client else None
        if owner != os.geteuid():
            raise Refused(403, "This belongs to another user of this machine.")

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._headers)

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        if (ticket := _ticket(request)) is not None:
            return self._exchange(request, ticket)
        name = request.path.removeprefix("/") or "index.html"
        content = await asyncio.get_running_loop().run_in_executor(None, self._read, name)
        if content is None:
            raise Refused(404, "There is no such page.")
        response = web.Response(
            body=content, content_type=CONTENT_TYPES[Path(name).suffix], charset=_charset(Path(name).suffix)
        )
        if request.path == "/" and "key" in request.query:
            response.headers["Set-Cookie"] = self.session.set_cookie()
        return response

    def _exchange(self, request: web.Request, ticket: str) -> web.StreamResponse:
        """A ticket for the key. Who has a used one and the cookie has been here before, and needs no key."""
        taken = self.tickets.take(ticket)
        check_ticket(self.session, taken, request.headers.get("Cookie"))
        return web.Response(status=303, headers={"Location": self.session.entrance if taken else "/"})

    def _read(self, name: str) -> bytes | None:
        """A file by its name below the folder, if it is there and of a known kind; names are compared, not walked."""
        for path in self._static.rglob("*"):
            if path.relative_to(self._static).as_posix() == name and path.suffix in CONTENT_TYPES and path.is_file():
                return path.read_bytes()
        return None

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        sock = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=20.0, compress=False)
        await sock.prepare(request)
        page = Page()
        page.send(await self._listener.hello())
        self._pages.take(page)
        try:
            async with asyncio.TaskGroup() as group:
                # It ends with the socket. What was begun is brought to its end, also when the page has gone.
                group.create_task(self._read_from(sock, page))
                await self._write_to(sock, page)
                self._pages.leave(page)
                await sock.close(code=page.close_code or WSCloseCode.OK)
        finally:
            self._pages.leave(page)
        return sock

    async def _write_to(self, sock: web.WebSocketResponse, page: Page) -> None:
        try:
            while (message := await page.next()) is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await sock.send_str(encode(message))
        except (TimeoutError, ConnectionError):
            logger.info("a page takes no messages any more")

    async def _read_from(self, sock: web.WebSocketResponse, page: Page) -> None:
        """Let every message be acted on, those that wait for something beside the next ones."""
        free = asyncio.Semaphore(MAX_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for message in sock:
                if message.type is WSMsgType.TEXT:
                    await free.acquire()
                    task = group.create_task(self._act(page, message.data))
                    task.add_done_callback(lambda _: free.release())
                else:
                    break
        page.end(WSCloseCode.UNSUPPORTED_DATA)

    async def _act(self, page: Page, data: str) -> None:
        about: int | None = None
        try:
            message = decode(data)
            about = message.id
            if page.gone.is_set():
                return
            await self._listener.heard(page, message)
        except HandsetError as error:
            # Not of our page: it says nothing more.
            page.problem(error.sentence, error.hint, about=about)
            page.end(WSCloseCode.POLICY_VIOLATION)
        except CopybaraError as error:
            page.problem(error.sentence, error.hint, about=about)


def _ticket(request: web.Request) -> str | None:
    """The ticket that a request wants to use. One that only looks (HEAD) wants to use none."""
    if request.method != "GET" or request.path != "/" or "key" in request.query:
        return None
    return request.query.get("ticket")


def _listening_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A port that waits for the end of old connections can be had again; one that is listened on cannot.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen()
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _proc_tables() -> list[str] | None:
    """Who has which TCP socket; None on systems that don't say."""
    try:
        return [table.read_text() for table in PROC_TABLES if table.exists()] or None
    except OSError:
        return None


def _charset(suffix: str) -> str | None:
    return "utf-8" if suffix in (".html", ".css", ".js", ".mjs") else None
