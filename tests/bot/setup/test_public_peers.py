"""The list of public peers comes from somebody else's machine: whatever it does costs little, and one error."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from bot.cli.setup.yggdrasil import public_peers
from shared.errors import OverlayError
from tests.bot.setup.rude_server import serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def fetched(address: str, seconds: float = 60.0) -> bytes:
    async with asyncio.timeout(120):
        return await asyncio.to_thread(public_peers.fetch, address, seconds=seconds)


async def test_the_list_is_read_whole() -> None:
    async with serving(HEAD, b"Content-Length: 2\r\n\r\n", b"{}") as (address, asked):
        assert await fetched(address) == b"{}"
    assert "Accept-Encoding: identity" in asked[0]


@pytest.mark.parametrize(
    ("parts", "drips"),
    [
        ((HEAD, b"Content-Length: 4000000\r\n\r\n"), b" "),
        ((HEAD, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n"),
        ((HEAD, b"X-More: "), b"x"),
        ((b"",), b"\r\n"),
    ],
    ids=["body", "chunks", "head", "before the head"],
)
async def test_a_server_that_drips_ends_after_one_limit_for_everything(parts: tuple[bytes, ...], drips: bytes) -> None:
    async with serving(*parts, drips=drips) as (address, _):
        with pytest.raises(OverlayError) as caught:
            await fetched(address, seconds=1.0)
    assert caught.value.hint == public_peers.PASTE


async def test_a_redirect_leads_nowhere() -> None:
    async with serving(HEAD, b"Content-Length: 2\r\n\r\n", b"{}") as (elsewhere, asked):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(moved) as (address, _):
            with pytest.raises(OverlayError):
                await fetched(address)
    assert asked == []


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(b"HTTP/1.1 502 No\r\n\r\n") as (proxy, asked):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("all_proxy", proxy)
        async with serving(HEAD, b"Content-Length: 2\r\n\r\n", b"{}") as (address, _):
            assert await fetched(address) == b"{}"
    assert asked == []


@pytest.mark.parametrize("packed", [False, True])
async def test_what_is_too_long_is_refused_packed_or_not(packed: bool) -> None:
    long = b" " * (public_peers.MOST_BYTES + 1)
    body = zlib.compress(long) if packed else long
    head = HEAD + (b"Content-Encoding: deflate\r\n" if packed else b"") + b"Content-Length: %d\r\n\r\n" % len(body)
    async with serving(head, body) as (address, _):
        with pytest.raises(OverlayError):
            public_peers.by_country(await fetched(address), minor=5)


async def test_what_is_no_address_is_one_error() -> None:
    for address in ("nothing", "http://127.0.0.1:0x/", "ftp://127.0.0.1/"):
        with pytest.raises(OverlayError, match="its address isn't one of the web"):
            await fetched(address)
    with pytest.raises(OverlayError):
        await fetched("http://[")


async def test_why_the_list_is_not_there_is_said_in_words() -> None:
    with pytest.raises(OverlayError, match="can't be read: no connection to its server"):
        await fetched("http://127.0.0.1:1/")
    for answer, said in ((b"HTTP/1.1 503 No\r\n\r\n", "answered with status 503"), (b"nonsense\r\n", "broke off or")):
        async with serving(answer) as (address, _):
            with pytest.raises(OverlayError, match=f"can't be read: its server {said}"):
                await fetched(address)
