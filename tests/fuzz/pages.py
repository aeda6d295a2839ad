"""What browsers and other clients send to the program's own servers: requests, and pieces of files from a page.

The servers are real and listen on loopback; an input is all that arrives on one connection. The server for devices runs
without TLS, because OpenSSL handles that, and takes this machine for a device.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import aiohttp

from bot.page.uploads import Uploads
from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described
from peer.handset.connection_limits import Client
from peer.handset.devices.authority import Authority
from peer.handset.devices.server import DeviceServer
from peer.handset.late_server import listening_socket
from peer.handset.page import Page, Pages
from peer.handset.protocol import SendFile
from shared.errors import CopybaraError
from shared.store import Store, StoreThread
from tests.fuzz.target import Target
from tests.peer.handset.devices.test_authority import NOW
from tests.peer.handset.devices.test_server import Devices
from tests.peer.handset.serving import Notes, Served, serving

HOST = b"127.0.0.1:PORT"
"Stands in the seeds for the address at which the server listens."


class _Trouble(logging.Handler):
    """Remembers messages that are logged as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


class _Running:
    """An event loop in this process that runs the servers."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._opened = contextlib.AsyncExitStack()
        self._trouble = _Trouble()
        logging.getLogger().addHandler(self._trouble)
        atexit.register(self._close)
        self.run = self._loop.run
        self.page, self.devices, self.uploads = self.run(self._open())

    async def _open(self) -> tuple[Served, Served, Uploads]:
        folder = Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        (folder / "static").mkdir()
        (folder / "static" / "index.html").write_text("<!doctype html>")
        page = await self._opened.enter_async_context(serving(folder / "static"))
        devices = await self._opened.enter_async_context(_serving_devices(folder / "static"))
        store = self._opened.enter_context(Store(folder / "store"))
        thread = await self._opened.enter_async_context(StoreThread(store))
        limits = FileLimits(largest=100, folder=10_000, free=0)
        return page, devices, Uploads(FileShelf(folder / "files", limits, thread, spool=folder / "sending"))

    def asked(self, served: Served, data: bytes) -> None:
        """Send the bytes of one connection. The server answers, refuses or closes it, and logs no error."""
        answer = self.run(served.raw(data.replace(HOST, f"127.0.0.1:{served.port}".encode())))
        assert not answer or answer[:9] in (b"HTTP/1.1 ", b"HTTP/1.0 "), answer[:100]
        assert answer[9:10] != b"5", answer[:300]
        said, self._trouble.said = self._trouble.said, []
        assert not said, said

    def _close(self) -> None:
        self.run(self._opened.aclose())
        self._loop.close()


@functools.cache
def _running() -> _Running:
    return _Running()


class _Plain(DeviceServer):
    """Without TLS and without its own limits, which count connections."""

    def _tls(self) -> ssl.SSLContext | None:
        return None

    def _admits(self, client: Client) -> bool:
        return True


@contextlib.asynccontextmanager
async def _serving_devices(static: Path) -> AsyncIterator[Served]:
    here, pages, notes, listening = ip_address("127.0.0.1"), Pages(), Notes(), listening_socket(0)
    authority, book = Authority.made(here, NOW), Devices()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = _Plain(pages, notes, listening, tls, book, own=here, interface=None, authority=authority, static=static)
    async with server.running(), aiohttp.ClientSession() as http:
        yield Served(server, pages, notes, http)


def _page(data: bytes) -> None:
    _running().asked(_running().page, data)


def _device(data: bytes) -> None:
    _running().asked(_running().devices, data)


def _pieces(data: bytes) -> None:
    """Two files that a page offers, of 7 and 300 bytes in all, and the binary messages that the page sends then."""
    running = _running()
    running.run(_sent(running.uploads, data))


async def _sent(uploads: Uploads, data: bytes) -> None:
    page = Page()

    async def offer(path: Path, described: Described) -> None:
        assert described.size in (7, 300)

    async def received(number: int, size: int) -> None:
        with contextlib.suppress(CopybaraError):
            message = SendFile(id=number, call=1, name="a.bin", size=size)
            await uploads.receive(page, message, ready=_ready, offer=offer)

    async with asyncio.TaskGroup() as tasks:
        for number, size in ((1, 7), (2, 300)):
            tasks.create_task(received(number, size))
        await asyncio.sleep(0)  # both have begun
        while data:
            length = data[0]
            with contextlib.suppress(CopybaraError):
                uploads.take(page, data[1 : 1 + length])
            data = data[1 + length :]
        uploads.left(page)


async def _ready() -> None:
    """Wait until files can be offered."""


def _request(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, f"Host: {HOST.decode()}", *headers, "", ""]).encode()


_UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: " + "A" * 22 + "==",
)
_FRAME = b"\x81\x85\0\0\0\0hello"
_REQUESTS = (
    _request("GET / HTTP/1.1", "Connection: close"),
    _request("GET /authority.crt HTTP/1.1", "Cookie: __Host-device=" + "a" * 43),
    _request("GET /socket HTTP/1.1", f"Origin: http://{HOST.decode()}", *_UPGRADE) + _FRAME,
    _request("POST / HTTP/1.1", "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n",
)

PAGES = {
    "requests of a page": Target(_page, (), _REQUESTS),
    "requests of a device": Target(_device, (), _REQUESTS),
    "pieces of files of a page": Target(
        _pieces, (), (b"\x07\0\0\0\x01abc\x08\0\0\0\x02abcd", b"\x0b\0\0\0\x01abcdefg")
    ),
}
