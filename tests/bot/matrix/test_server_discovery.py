"""A domain says where its homeserver is (specification, Server discovery). Whatever it says costs little."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib

import msgspec
import pytest

from bot.messengers.matrix.login import MOST_REDIRECTS, WELL_KNOWN_BYTES, server_in, server_told_at
from tests.bot.setup.rude_server import serving

SERVER = "https://matrix.example.org"
SAID = msgspec.json.encode({"m.homeserver": {"base_url": SERVER}})

MANY_BYTES = 100 * 2**20
"The unpacked size of a few kilobytes."

MOST_MEMORY = 10 * 2**20


def answer(body: bytes = SAID, *, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def redirect(to: str, body: bytes = b"", head: str = "") -> bytes:
    return answer(body, status="302 Found", head=f"Location: {to}\r\n{head}")


async def test_the_server_is_read_also_where_the_domain_leads_elsewhere() -> None:
    async with serving(answer()) as (there, _), serving(redirect(there)) as (address, asked):
        assert await server_told_at(there) == SERVER
        assert await server_told_at(address) == SERVER
    assert "Accept-Encoding: identity" in asked[0]


async def test_nothing_that_comes_with_a_redirect_is_unpacked_or_kept() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(MANY_BYTES)) + packer.flush()
    packed = "Content-Encoding: gzip\r\n"
    async with serving(answer()) as (there, _), serving(redirect(there, bomb, packed)) as (address, _):
        tracemalloc.start()
        try:
            assert await server_told_at(address) == SERVER
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()


async def test_a_redirect_whose_body_never_ends_is_followed_at_once() -> None:
    async with serving(answer()) as (there, _):
        endless = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 4000000\r\n\r\n".encode()
        async with serving(endless, drips=b" ") as (address, _), asyncio.timeout(5):
            assert await server_told_at(address) == SERVER


async def test_redirects_have_an_end() -> None:
    async with serving(redirect("/again")) as (address, asked):
        assert await server_told_at(address) == ""
    assert len(asked) == 1 + MOST_REDIRECTS


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/", "https://[", "http://", "", "http://127.0.0.1:1/"])
async def test_a_redirect_to_nowhere_names_no_server(to: str) -> None:
    async with serving(redirect(to)) as (address, _):
        assert await server_told_at(address) == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b" " * (WELL_KNOWN_BYTES + 1),
        *(msgspec.json.encode({"m.homeserver": {"base_url": url}}) for url in ("https://[x", "ftp://a", "a", 7)),
    ],
)
async def test_an_answer_that_names_no_server_is_none(body: bytes) -> None:
    assert server_in(body) == ""
    async with serving(answer(body)) as (address, _):
        assert await server_told_at(address) == ""
