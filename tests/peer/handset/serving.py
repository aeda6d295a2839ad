"""A real server of the handset, a listener that records what it hears, and clients that send anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from peer.handset.connection_limits import USUAL_TIMES, ConnectionTimes
from peer.handset.late_server import listening_socket
from peer.handset.page import Page, Pages
from peer.handset.page_server import PageServer
from peer.handset.protocol import FromPage, Hello, Link, Overlay
from peer.handset.server import HandsetServer
from shared.errors import HandsetError
from tests.peer.handset.knocking import knock

PATIENCE = 30.0

HOME_KEY = bytes(range(32))


class Notes:
    """Records all calls and does nothing."""

    def __init__(self) -> None:
        self.heard_messages: asyncio.Queue[FromPage] = asyncio.Queue()

    async def hello(self, page: Page) -> Hello:
        link = Link("token", "copybara:token", "data:image/svg+xml,")
        return Hello(
            version="0",
            node="node",
            name="",
            overlay=Overlay("Loopback", "127.0.0.2"),
            card=link,
            contacts=[],
            calls=[],
            log=[],
            texts=[],
            links=[],
        )

    async def heard(self, page: Page, message: FromPage) -> None:
        self.heard_messages.put_nowait(message)

    def took(self, page: Page, data: bytes) -> None:
        raise HandsetError  # no test sends a file here

    def left(self, page: Page) -> None:
        pass


@dataclass
class Served:
    """A server, and what clients need to talk to it."""

    server: PageServer
    pages: Pages
    notes: Notes
    http: aiohttp.ClientSession

    @property
    def port(self) -> int:
        return self.server.session.port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def socket_headers(self, **changed: str) -> dict[str, str]:
        """The headers with which the page opens its WebSocket."""
        return {"Origin": self.origin, **{name.replace("_", "-"): text for name, text in changed.items()}}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.host}/socket"

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A connected page that has proven the home's key and has been greeted."""
        async with self.http.ws_connect(self.socket_url, headers=self.socket_headers()) as sock:
            greeting = await knock(sock, self.host, "home", HOME_KEY)
            assert greeting is not None
            assert greeting["type"] == "hello"
            yield sock

    async def next(self, sock: aiohttp.ClientWebSocketResponse) -> dict[str, object]:
        async with asyncio.timeout(PATIENCE):
            return dict(await sock.receive_json())

    async def works(self) -> None:
        """Check that the server still works."""
        async with self.page() as sock:
            await sock.send_json({"type": "hang-up", "call": 7})
            async with asyncio.timeout(PATIENCE):
                assert (await self.notes.heard_messages.get()).call == 7  # type: ignore[union-attr]

    async def asked(self, line: str, *headers: str) -> bytes:
        """Send a request, byte for byte, and return everything that comes back."""
        return await self.raw("\r\n".join([line, *headers, "Connection: close", "", ""]).encode(), end=False)

    async def raw(self, request: bytes, *, end: bool = True) -> bytes:
        """Send bytes, and close the sending direction with `end`. Returns everything that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(request)
                await writer.drain()
                if end:
                    writer.write_eof()
            answer = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while more := await reader.read(65536):
                        answer += more
            return answer
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serving(
    static: Path, notes: Notes | None = None, times: ConnectionTimes = USUAL_TIMES
) -> AsyncIterator[Served]:
    """Serve the files of a folder on a free port."""
    pages, notes = Pages(), notes or Notes()
    server = HandsetServer(pages, notes, listening_socket(0), HOME_KEY, static=static, times=times)
    async with server.running(), aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Served(server, pages, notes, http)
