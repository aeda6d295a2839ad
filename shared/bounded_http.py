"""Answers over HTTP are read in small pieces: whatever a server sends, others get their turn, and a head has an end.

The library reads 64 KB and parses them before anything else runs: a second of a busy machine, if they are thousands of
`100 Continue` (RFC 9110, 15.2), of empty headers or of chunks with a byte each; and it reads the first without end.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

HEAD_BYTES = 32 * 1024
HEAD_LINES = 256
"Of one answer, with the informational ones before it."

FIRST_BYTES = 4 * 1024
LEAST_BYTES = 256
MOST_BYTES = 64 * 1024
"Of what is read at once: less where reading is slow."

TURN_SECONDS = 0.005
"What may be done with one piece, before others get their turn."

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_INFORMATIONAL = re.compile(rb"HTTP/[0-9]\.[0-9] 1(?!01)[0-9][0-9]")

# What is parsed at once behind the last chunk (RFC 9112, 7.1.2), where no head is.
httpcore.AsyncHTTP11Connection.MAX_INCOMPLETE_EVENT_SIZE = HEAD_BYTES


def bounded(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same client, not used yet, that reads as above; with a proxy, too. Raises what httpx raises."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            bounded_transport(transport)
    return client


def bounded_transport(transport: httpx.AsyncHTTPTransport) -> httpx.AsyncHTTPTransport:
    """As `bounded`."""
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return transport


class _Backend(httpcore.AsyncNetworkBackend):
    """Makes connections that are read so."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See AsyncNetworkBackend."""
        return _Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """See AsyncNetworkBackend."""
        await self._backend.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._answer_begins()

    def _answer_begins(self) -> None:
        self._head: bytes | None = b""
        "What was read of a head; None in the body behind it."

        self._read_of_heads = 0
        self._lines = 0
        self._at_once = FIRST_BYTES
        self._handed_over = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (the library's)
        """See AsyncNetworkStream. Raises httpcore.RemoteProtocolError for a head that is too long."""
        if self._handed_over:
            slow = time.monotonic() - self._handed_over > TURN_SECONDS
            self._at_once = max(LEAST_BYTES, self._at_once // 2) if slow else min(MOST_BYTES, self._at_once * 2)
        at_once = min(self._at_once, FIRST_BYTES) if self._head is not None else self._at_once
        data = await self._stream.read(min(max_bytes, at_once), timeout)
        await asyncio.sleep(0)  # what TLS has decrypted already comes without
        self._look_at(data)
        self._handed_over = time.monotonic()
        return data

    def _look_at(self, data: bytes) -> None:
        """Count what belongs to a head."""
        if self._head is None:
            return
        self._read_of_heads += len(data)
        self._lines += data.count(b"\n")
        self._head += data
        while (end := _END_OF_HEAD.search(self._head)) is not None:
            if _INFORMATIONAL.match(self._head) is None:
                self._head = None
                break
            self._head = self._head[end.end() :]
        if self._read_of_heads > HEAD_BYTES or (self._head is not None and self._lines > HEAD_LINES):
            raise httpcore.RemoteProtocolError("the head of the answer is too long")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 (the library's)
        """See AsyncNetworkStream."""
        self._answer_begins()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """See AsyncNetworkStream."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's)
    ) -> httpcore.AsyncNetworkStream:
        """See AsyncNetworkStream."""
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """See AsyncNetworkStream."""
        return self._stream.get_extra_info(info)
