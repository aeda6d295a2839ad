"""A server that replies instead of Telegram during the bot's set-up: whatever it does costs little, and one error."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from bot.messengers.telegram.switches import MOST_BYTES, TelegramReply, asked, result_of
from shared.errors import MessengerError
from tests.bot.setup.rude_server import serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def answer(address: str, seconds: float = 60.0) -> TelegramReply:
    async with asyncio.timeout(120):
        return await asyncio.to_thread(asked, "1:token", address, "getMe", seconds=seconds)


@pytest.mark.parametrize(
    ("parts", "drips"),
    [
        ((HEAD, b"Content-Length: 4000\r\n\r\n"), b" "),
        ((HEAD, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n"),
        ((HEAD, b"X-More: "), b"x"),
    ],
    ids=["body", "chunks", "head"],
)
async def test_what_drips_ends_after_one_limit_for_everything(parts: tuple[bytes, ...], drips: bytes) -> None:
    async with serving(*parts, drips=drips) as (address, _):
        with pytest.raises(MessengerError):
            await answer(address, seconds=1.0)


async def test_of_a_long_answer_the_beginning_is_read_and_it_says_nothing() -> None:
    head = HEAD + b"Content-Length: 900000000\r\n\r\n"
    async with serving(head + b'{"ok": true, "result": 1}' + bytes(2 * MOST_BYTES), drips=b" ") as (address, _):
        found = await answer(address)
    assert len(found.content) <= MOST_BYTES + 1
    with pytest.raises(MessengerError):
        result_of(found)


async def test_what_is_packed_is_not_asked_for_and_never_unpacked() -> None:
    packed = gzip.compress(b'{"ok": true, "result": 1}')
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with serving(head, packed) as (address, lines):
        found = await answer(address)
    assert "accept-encoding: identity" in lines[0].lower()
    assert found.content == packed
    with pytest.raises(MessengerError):
        result_of(found)
