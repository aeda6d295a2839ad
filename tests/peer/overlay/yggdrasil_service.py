"""A server that listens at an admin socket like a Yggdrasil node, and gives the answers that a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv6Address
from pathlib import Path

from shared.node_id import NodeId

US = NodeId(bytes.fromhex("c5ebbd4efc79f36accb225961fa6b8f18e8d4559826745503cf86d43187c9deb"))
OUR_ADDRESS = IPv6Address("200:7428:8562:70c:192a:669b:b4d3:c0b2")
"A key, and the address that yggdrasil 0.4.7 reported for it."


@asynccontextmanager
async def pretending(place: Path | int, answer: bytes, *, close: bool = True) -> AsyncIterator[str]:
    """Listen at an admin socket, or at a port of 127.0.0.1, and give this answer to every request."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await reader.readline()
            writer.write(answer)
            await writer.drain()
            if not close:
                await reader.read()
        writer.close()

    if isinstance(place, int):
        async with await asyncio.start_server(connected, "127.0.0.1", place):
            yield f"tcp://127.0.0.1:{place}"
    else:
        async with await asyncio.start_unix_server(connected, place):
            yield f"unix://{place}"


@asynccontextmanager
async def answering(path: Path, answer: Callable[[str], bytes | None]) -> AsyncIterator[str]:
    """Listen at an admin socket and give the answer of `answer` for a request's name. None: never answer."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            said = answer(json.loads(await reader.readline())["request"])
            if said is None:
                await reader.read()
            else:
                writer.write(said)
                await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(connected, path):
        yield f"unix://{path}"


def response(body: str) -> bytes:
    return f'{{"status": "success", "request": null, "response": {body}}}\n'.encode()


def myself(key: str = US.key.hex(), address: str = str(OUR_ADDRESS)) -> bytes:
    return response(f'{{"build_name": "unknown", "key": "{key}", "address": "{address}", "coords": []}}')
