"""The handset's server: files and one WebSocket, on loopback and for the owner's browser only.

connection_limits.py decides about each connection, access.py about each request, proof.py whether a page knows our key.
Only the messages of a page that has proven that can change anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from peer.handset.access import (
    HOST,
    PageSession,
    RequestRefused,
    check_fetch,
    check_host,
    check_socket_origin,
    response_headers,
)
from peer.handset.connection_limits import ConnectionLimits
from peer.handset.page import Page, Pages
from peer.handset.proof import NONCE_BYTES, PAGE, SERVER, Meeting, proof_key
from peer.handset.protocol import (
    CLOSE_UNPROVEN,
    MAX_MESSAGE,
    FromPage,
    Hello,
    HomeKey,
    NoOverlay,
    PageProof,
    Prove,
    ServerProof,
    decode,
    decode_proof,
    encode,
)
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

MAX_AT_ONCE = 32
"Messages of one page that may be worked on at the same time."

SEND_SECONDS = 10.0
"How long a page may take to receive a message."

PROOF_SECONDS = 20.0
"How long a page may take to prove that it knows the key; a busy browser takes a moment."

MESSAGES_A_SECOND = 200
"From one page, in the long run."

MESSAGES_AT_ONCE = 4_000
"What it may send in a burst; one that sends more is closed."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageListener(Protocol):
    """Acts on what a page says."""

    async def hello(self) -> Hello | NoOverlay:
        """The first message to a new page. Everything after it is sent through Pages."""

    async def heard(self, page: Page, message: FromPage) -> None:
        """Act on one message. Raises CopybaraError; the page then shows its sentence."""


class HandsetServer:
    """Serves the page for the length of `running`, at a socket that listens already."""

    def __init__(
        self, pages: Pages, listener: PageListener, listening: socket.socket, home_key: bytes, *, static: Path = STATIC
    ) -> None:
        """`home_key` are the 32 bytes that pages of earlier runs know; see `listening_socket`."""
        self._pages = pages
        self._listener = listener
        self._static = static
        self._socket = listening
        self._home_key = home_key
        self.session = PageSession(self._socket.getsockname()[1])
        "Holds the key and the address to open."

        self.tickets = Tickets()
        "For addresses that others can read."

        self._headers = response_headers(self.session)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the length of the block; then tell the page, and close it."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/socket", self._serve_socket)
        app.router.add_get("/{path:.*}", self._serve_file)
        app.on_response_prepare.append(self._add_headers)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0, lingering_time=1.0)
        await runner.setup()
        assert runner.server is not None
        self._limits = ConnectionLimits(runner.server, port=self.session.port)
        with self._limits.open(self._socket):
            try:
                yield
            finally:
                self._pages.stop()
                await runner.cleanup()
                self._limits.close()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._limits.asked(request.transport)
        try:
            self._check(request)
            return await handler(request)
        except RequestRefused as refused:
            logger.info("refused: %s", refused.sentence)
            return web.Response(status=refused.status, text=f"{refused.sentence}\n")
        except ConnectionError:
            return web.Response(status=400)  # the client has gone meanwhile

    def _check(self, request: web.Request) -> None:
        check_host(self.session, request.headers.get("Host"))
        if request.path == "/socket":
            check_socket_origin(self.session, request.headers.get("Host"), request.headers.get("Origin"))
        check_fetch(self.session, request.headers, document=request.path == "/")

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._headers)

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/") or "index.html"
        content = await asyncio.get_running_loop().run_in_executor(None, self._read, name)
        if content is None:
            raise RequestRefused(404, "There is no such page.")
        suffix = Path(name).suffix
        return web.Response(body=content, content_type=CONTENT_TYPES[suffix], charset=_charset(suffix))

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
        home_key = await self._proven(sock, request.headers["Host"])
        if home_key is None:
            await sock.close(code=CLOSE_UNPROVEN)
            return sock
        self._limits.stays(request.transport)
        if home_key.key:
            page.send(home_key)
        page.send(await self._listener.hello())
        self._pages.take(page)
        try:
            async with asyncio.TaskGroup() as group:
                # It ends with the socket. Work that has begun is finished, also when the page has gone.
                group.create_task(self._read_from(sock, page))
                await self._write_to(sock, page)
                self._pages.leave(page)
                await sock.close(code=page.close_code or WSCloseCode.OK)
        finally:
            self._pages.leave(page)
        return sock

    async def _proven(self, sock: web.WebSocketResponse, host: str) -> HomeKey | None:
        """Prove to a page that we know the key that it names, and have it prove the same.

        Returns what it is to get then, or None if it doesn't know the key, or takes too long.
        """
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                asked = decode_proof(await sock.receive_str(), Prove)
                known = self._key_named(asked)
                if known is None:
                    return None
                key, secret = known
                meeting = Meeting(host, asked.nonce, secrets.token_bytes(NONCE_BYTES))
                proof = ServerProof(nonce=meeting.server_nonce, proof=meeting.proof(key, SERVER))
                await sock.send_str(encode(proof))
                given = decode_proof(await sock.receive_str(), PageProof)
        except (TimeoutError, TypeError, ConnectionError, HandsetError):  # TypeError: another kind of message, or none
            return None
        if not meeting.proven(key, PAGE, given.proof):
            return None
        if asked.key == "ticket" and not self.tickets.take(secret.decode()):
            return None
        return HomeKey(key=b"" if asked.key == "home" else meeting.wrapped(secret, self._home_key))

    def _key_named(self, asked: Prove) -> tuple[bytes, bytes] | None:
        """The HMAC key that a page wants proven, and the secret that it is made of."""
        match asked.key:
            case "home":
                return self._home_key, self._home_key
            case "run":
                secret = self.session.key.encode()
            case "ticket":
                ticket = self.tickets.named(asked.name)
                if ticket is None:
                    return None
                secret = ticket.encode()
        return proof_key(secret), secret

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
        rate = _Rate()
        async with asyncio.TaskGroup() as group:
            async for message in sock:
                if not rate.allows(asyncio.get_running_loop().time()):
                    page.end(WSCloseCode.POLICY_VIOLATION)
                elif message.type is WSMsgType.TEXT:
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
            page.problem(error, about=about)
            page.end(WSCloseCode.POLICY_VIOLATION)
        except CopybaraError as error:
            page.problem(error, about=about)


class _Rate:
    """How many messages a page may still send: a bucket that fills up again."""

    def __init__(self) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._looked: float | None = None

    def allows(self, now: float) -> bool:
        """Take one at this time, in seconds."""
        passed = 0.0 if self._looked is None else now - self._looked
        self._looked = now
        self._left = min(self._left + passed * MESSAGES_A_SECOND, float(MESSAGES_AT_ONCE)) - 1
        return self._left >= 0


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


def _charset(suffix: str) -> str | None:
    return "utf-8" if suffix in (".html", ".css", ".js", ".mjs") else None
