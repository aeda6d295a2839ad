"""The server of the page, on this machine and for devices: files and one WebSocket.

connection_limits.py decides about each connection, access.py about each request, and proof.py whether a page knows one
of our keys. Only messages of a page that has proven this can change anything. server.py serves this machine's browser,
and devices/ the owner's other devices. They differ in the pages and keys that they accept.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from peer.handset.access import (
    PageSession,
    RequestRefused,
    check_fetch,
    check_host,
    check_socket_origin,
    response_headers,
)
from peer.handset.connection_limits import USUAL_TIMES, Client, ConnectionLimits, ConnectionTimes
from peer.handset.downloads import PREFIX
from peer.handset.downloads import headers as download_headers
from peer.handset.page import Page, Pages
from peer.handset.proof import NONCE_BYTES, PAGE, SERVER, Meeting
from peer.handset.protocol import (
    CLOSE_TAKEN_OVER,
    CLOSE_UNPROVEN,
    MAX_MESSAGE,
    CantStart,
    FromPage,
    Hello,
    NoOverlay,
    PageProof,
    Prove,
    ServerProof,
    TakenOver,
    decode,
    decode_proof,
    encode,
)
from shared.errors import CopybaraError, HandsetError
from shared.in_thread import in_thread_to_its_end
from shared.rate import Bucket, Limit

logger = logging.getLogger(__name__)

library = logging.getLogger(f"{__name__}.library")
"aiohttp's log of errors."


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Filter aiohttp's log. It has a traceback for each invalid request, so anyone who can connect could fill it."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    logger.debug("a request isn't HTTP: %s", type(error).__name__)
    return False


library.addFilter(_is_our_fault)

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
"The kinds of file that are served. No others are."

DOWNLOADED_AT_ONCE = 256 * 1024
"How many bytes of a file are read and sent at once."

MAX_AT_ONCE = 32
"How many messages of one page may be handled at once."

SEND_SECONDS = 10.0
"How long a page may take to receive a message."

MESSAGES = Limit(at_once=4_000, per_second=200.0)
"How many messages a page may send. A page that sends more is closed."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageListener(Protocol):
    """Handles the messages of pages."""

    async def hello(self, page: Page) -> Hello | NoOverlay | CantStart:
        """The first message to a new page. Everything after it is sent through Pages."""

    async def heard(self, page: Page, message: FromPage) -> None:
        """Handle one message. Raises CopybaraError; the page then shows its sentence."""

    def took(self, page: Page, data: bytes) -> None:
        """Take the next piece of a file that the page sends. Never waits. Raises HandsetError."""

    def left(self, page: Page) -> None:
        """Note that the page is gone. What it has begun ends soon. Never waits."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a page has proven to know."""

    asked: Prove
    secret: bytes
    "The secret from which the key is made."

    meeting: Meeting


class PageServer(abc.ABC):
    """Serves the page while `running`, on a socket that listens already."""

    def __init__(
        self,
        pages: Pages,
        listener: PageListener,
        listening: socket.socket,
        session: PageSession,
        static: Path,
        times: ConnectionTimes = USUAL_TIMES,
    ) -> None:
        """`session` has the address at which the socket listens."""
        self._pages = pages
        self._listener = listener
        self._static = static
        self._times = times
        self._socket = listening
        self.session = session
        "Has the address to open."

        self._headers = response_headers(self.session)
        self._limits: ConnectionLimits

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve during the block, then tell the pages and close them."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/socket", self._serve_socket)
        app.router.add_get(f"{PREFIX}{{token}}", self._serve_download)
        app.router.add_get("/{path:.*}", self._serve_file)
        app.on_response_prepare.append(self._add_headers)
        runner = web.AppRunner(
            app, access_log=None, logger=library, handle_signals=False, shutdown_timeout=1.0, lingering_time=1.0
        )
        await runner.setup()
        assert runner.server is not None
        self._limits = ConnectionLimits(runner.server, admits=self._admits, tls=self._tls(), times=self._times)
        with self._limits.open(self._socket):
            try:
                yield
            finally:
                self._stop()
                await runner.cleanup()
                self._limits.close()

    # What subclasses define.

    @abc.abstractmethod
    def _admits(self, client: Client) -> bool:
        """Whether a connection from there is accepted."""

    async def _served(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request that has passed all checks. Raises RequestRefused."""
        return await handler(request)

    def _tls(self) -> ssl.SSLContext | None:
        """The TLS context of connections. None: no encryption."""
        return None

    @abc.abstractmethod
    def _stop(self) -> None:
        """Close the pages of this server."""

    @abc.abstractmethod
    def _key_named(self, asked: Prove, request: web.Request) -> tuple[bytes, bytes] | None:
        """The HMAC key that a page wants proven, and the secret from which it is made."""

    @abc.abstractmethod
    async def _let_in(self, sock: web.WebSocketResponse, request: web.Request, proven: Proven) -> Page | None:
        """Make the page that has proven a key, with its messages before Hello. None if it isn't admitted."""

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._limits.asked(request.transport)
        try:
            self._check(request)
            return await self._served(request, handler)
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

    def _stays(self, request: web.Request) -> None:
        """Note that this request's connection is a page's socket, and stays open."""
        self._limits.stays(request.transport)

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/") or "index.html"
        content = await asyncio.get_running_loop().run_in_executor(None, self._read, name)
        if content is None:
            raise RequestRefused(404, "There is no such page.")
        suffix = Path(name).suffix
        return web.Response(body=content, content_type=CONTENT_TYPES[suffix], charset=_charset(suffix))

    async def _serve_download(self, request: web.Request) -> web.StreamResponse:
        downloads = self._pages.downloads
        path, file = downloads.find(request.path), await in_thread_to_its_end(lambda: downloads.open(request.path))
        if path is None or file is None:
            raise RequestRefused(404, "That file can't be saved here any more.")
        with file:
            self._stays(request)
            size = os.fstat(file.fileno()).st_size
            try:
                # Media players ask for ranges.
                begins, ends, _ = request.http_range.indices(size)
            except ValueError:
                begins, ends = 0, 0
            is_part = "Range" in request.headers and begins < ends
            if not is_part:
                begins, ends = 0, size
            response = web.StreamResponse(status=206 if is_part else 200, headers=download_headers(path.name))
            response.headers["Accept-Ranges"] = "bytes"
            if is_part:
                response.headers["Content-Range"] = f"bytes {begins}-{ends - 1}/{size}"
            response.content_length = ends - begins
            await response.prepare(request)
            await in_thread_to_its_end(lambda: file.seek(begins))
            while begins < ends and request.method != "HEAD":
                most = min(DOWNLOADED_AT_ONCE, ends - begins)
                block = await in_thread_to_its_end(partial(file.read, most))
                if not block:
                    break  # the file has become shorter, and the browser sees that its end is missing
                begins += len(block)
                await response.write(block)
            return response

    def _read(self, name: str) -> bytes | None:
        """A file by its name below the folder, if it is there and of a known kind.

        The name is compared, not used as a path.
        """
        for path in self._static.rglob("*"):
            if path.relative_to(self._static).as_posix() == name and path.suffix in CONTENT_TYPES and path.is_file():
                return path.read_bytes()
        return None

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        sock = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=20.0, compress=False)
        try:
            await sock.prepare(request)
        except ValueError:  # aiohttp doesn't expect a key that isn't ASCII
            raise RequestRefused(400, "This isn't a request for a WebSocket.") from None
        proven = await self._proven(sock, request)
        page = await self._let_in(sock, request, proven) if proven is not None else None
        if page is None:
            await sock.close(code=CLOSE_UNPROVEN)
            return sock
        self._stays(request)
        hello = await self._listener.hello(page)
        if self._pages.has_to_ask(page):
            page.send(TakenOver())
            page.end(CLOSE_TAKEN_OVER)
        else:
            page.send(hello)
            self._pages.come(page)
        try:
            async with asyncio.TaskGroup() as group:
                # This task ends with the socket. Requests that have begun are finished, even if the page has gone.
                group.create_task(self._read_from(sock, page))
                takes = await self._write_to(sock, page)
                self._pages.leave(page)
                if takes:
                    await sock.close(code=page.close_code or WSCloseCode.OK)
                elif request.transport is not None:
                    request.transport.abort()  # closing it would wait until the page has read all data
        finally:
            self._pages.leave(page)
        await self._left(page)
        return sock

    async def _left(self, page: Page) -> None:
        """Note that an admitted page is gone."""
        logger.debug("a page has gone")

    async def _proven(self, sock: web.WebSocketResponse, request: web.Request) -> Proven | None:
        """Prove to a page that we know its key, and let it prove the same.

        None if it doesn't know the key, or takes too long.
        """
        try:
            async with asyncio.timeout(self._times.proof):
                asked = decode_proof(await sock.receive_str(), Prove)
                known = self._key_named(asked, request)
                if known is None:
                    return None
                key, secret = known
                meeting = Meeting(request.headers["Host"], asked.nonce, secrets.token_bytes(NONCE_BYTES))
                proof = ServerProof(nonce=meeting.server_nonce, proof=meeting.proof(key, SERVER))
                await sock.send_str(encode(proof))
                given = decode_proof(await sock.receive_str(), PageProof)
        except (TimeoutError, TypeError, ConnectionError, HandsetError):  # TypeError: another kind of message, or none
            return None
        return Proven(asked, secret, meeting) if meeting.proven(key, PAGE, given.proof) else None

    async def _write_to(self, sock: web.WebSocketResponse, page: Page) -> bool:
        """Send all messages to the page. Returns whether the page received them to the end."""
        try:
            while (message := await page.next()) is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await sock.send_str(encode(message))
        except (TimeoutError, ConnectionError):
            logger.info("a page takes no messages any more")
            return False
        return True

    async def _read_from(self, sock: web.WebSocketResponse, page: Page) -> None:
        """Handle every message. A message that has to wait doesn't delay the next ones."""
        free = asyncio.Semaphore(MAX_AT_ONCE)
        messages = Bucket(MESSAGES)
        async with asyncio.TaskGroup() as group:
            async for message in sock:
                if message.type is WSMsgType.BINARY:
                    self._take(page, message.data)
                elif not messages.takes(asyncio.get_running_loop().time()):
                    page.end(WSCloseCode.POLICY_VIOLATION)
                elif message.type is WSMsgType.TEXT:
                    await free.acquire()
                    task = group.create_task(self._act(page, message.data))
                    task.add_done_callback(lambda _: free.release())
                else:
                    break
            page.end(WSCloseCode.UNSUPPORTED_DATA)
            self._listener.left(page)

    def _take(self, page: Page, data: bytes) -> None:
        if page.gone.is_set():
            return
        try:
            self._listener.took(page, data)
        except HandsetError as error:
            page.problem(error)
            page.end(WSCloseCode.POLICY_VIOLATION)

    async def _act(self, page: Page, data: str) -> None:
        about: int | None = None
        try:
            message = decode(data)
            about = message.id
            if page.gone.is_set():
                return
            await self._listener.heard(page, message)
        except HandsetError as error:
            # Our page never sends this, so the page is closed.
            page.problem(error, about=about)
            page.end(WSCloseCode.POLICY_VIOLATION)
        except CopybaraError as error:
            page.problem(error, about=about)


def _charset(suffix: str) -> str | None:
    return "utf-8" if suffix in (".html", ".css", ".js", ".mjs") else None
