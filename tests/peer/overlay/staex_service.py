"""A Staex node's HTTP service that behaves as well or badly as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

from shared.node_id import NodeId

US = NodeId.parse("h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g")
THEM = NodeId(bytes(range(32)))
OWN_ADDRESS = "10.83.0.1"

Answer = Callable[[str], bytes]
Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(respond: Respond, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Run a server and yield its address. `respond` handles each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            await respond(reader, writer)
        writer.close()

    async with await asyncio.start_server(connected, host, 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(answer: Answer) -> Respond:
    """Answer each request with what `answer` returns for its target."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(request.split()[1].decode()))
        await writer.drain()

    return respond


def node(**addresses: str) -> Answer:
    """A correct service: it knows itself and the node ids in `addresses`, and answers like the original one."""
    known = {str(US): OWN_ADDRESS, **addresses}

    def answer(target: str) -> bytes:
        parts = urlsplit(target)
        if parts.path == "/id":
            return http(f'"{US}"'.encode())
        if parts.path == "/resolve":
            asked = parse_qs(parts.query).get("node-id")
            return http(f'"{known.get(asked[0], "")}"'.encode()) if asked else http(b"", "400 Bad Request")
        return http(b"", "404 Not Found")

    return answer
