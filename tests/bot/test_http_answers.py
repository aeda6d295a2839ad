"""A server's response is bounded before anything unpacks it, and its cookies aren't stored."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.http_answers import AS_IT_IS, NoCookies, TooLong, Unreadable, read

MOST = 1000


@contextlib.asynccontextmanager
async def server(head: str, body: bytes, asked: list[bytes]) -> AsyncIterator[str]:
    """A server that answers everything with this response. `asked` gets the heads of the requests."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        start = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n"
        writer.write(start.encode() + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/"


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, cookies=NoCookies(), headers=AS_IT_IS)


def gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


async def test_an_answer_that_is_not_packed_is_read() -> None:
    asked: list[bytes] = []
    async with server("", b"x" * MOST, asked) as address, client() as http, http.stream("GET", address) as response:
        assert await read(response, MOST) == b"x" * MOST
    assert b"accept-encoding: identity" in asked[0].lower()


async def test_more_than_is_read_ends_at_the_limit() -> None:
    async with server("", b"x" * (MOST + 1), []) as address, client() as http, http.stream("GET", address) as response:
        with pytest.raises(TooLong):
            await read(response, MOST)


@pytest.mark.parametrize(
    "encodings", ["gzip", "gzip, gzip", "deflate, gzip", "br", "zstd", "GZIP", "x-gzip", "identity, gzip"]
)
async def test_nothing_is_unpacked(encodings: str) -> None:
    body = gzip(gzip(bytes(10_000_000)))
    head = f"Content-Encoding: {encodings}\r\n"
    async with server(head, body, []) as address, client() as http, http.stream("GET", address) as response:
        with pytest.raises(Unreadable):
            await read(response, MOST)


async def test_no_cookie_is_kept_or_sent() -> None:
    asked: list[bytes] = []
    head = "".join(f"Set-Cookie: c{number}=value; Path=/\r\n" for number in range(100))
    async with server(head, b"", asked) as address, client() as http:
        for _ in range(2):
            async with http.stream("GET", address) as response:
                await read(response, MOST)
        assert len(http.cookies) == 0
    assert b"cookie" not in asked[1].lower()
