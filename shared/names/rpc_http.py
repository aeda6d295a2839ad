"""JSON-RPC over HTTP, for servers of Ethereum.

It uses no proxy from the environment, follows no redirect, and logs no address, because an address may contain a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from shared.errors import BadAnswer, ServerFault
from shared.names.json_rpc import MOST_BYTES, Question, decode
from shared.names.server import Server, addresses_of, tls_of

if TYPE_CHECKING:
    import httpx


class HttpRpc:
    """A server that is asked by POST. Made by `connect`."""

    def __init__(self, client: httpx.AsyncClient, server: Server, addresses: list[str]) -> None:
        self.server = server.shown
        self._client = client
        self._at = server
        self._addresses = addresses
        self._asked = 0

    async def ask(self, questions: Sequence[Question]) -> list[object]:
        """See JsonRpc. Each question is a separate request, because some servers don't take several in one."""
        first, self._asked = self._asked, self._asked + len(questions)
        numbered = enumerate(questions, start=first)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(number, question)) for number, question in numbered]
        return [task.result() for task in tasks]

    async def _one(self, number: int, question: Question) -> object:
        import httpx

        for address in self._addresses:
            request = self._request(address, question.encode(number))
            try:
                response = await self._client.send(request, stream=True)
                try:
                    return _result(number, response.status_code, await _read(response))
                finally:
                    await response.aclose()
            except httpx.ConnectError as error:
                if isinstance(_innermost(error), ssl.SSLCertVerificationError):
                    raise ServerFault("The server's certificate isn't good for its name.") from error
            except httpx.TransportError as error:
                raise ServerFault("The server broke off or doesn't speak HTTP.") from error
        raise ServerFault("Nothing listens there.")

    def _request(self, address: str, body: bytes) -> httpx.Request:
        host = f"[{address}]" if ":" in address else address
        parts = self._at.parts
        return self._client.build_request(
            "POST",
            parts._replace(netloc=f"{host}:{self._at.port}").geturl(),
            content=body,
            headers={"Host": parts.netloc, "Content-Type": "application/json", "Accept-Encoding": "identity"},
            extensions={"sni_hostname": self._at.host},  # the certificate to request and verify
        )


def load() -> None:
    """Import httpx with everything for its first request. May take seconds, so don't call it in the event loop."""
    import anyio
    import httpx

    import shared.bounded_http  # noqa: F401 (for `connect`)

    logging.getLogger("httpx").setLevel(logging.WARNING)
    httpx.AsyncClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
    anyio.run(anyio.sleep, 0)  # httpx uses anyio, which loads its asyncio half at its first use


@contextlib.asynccontextmanager
async def connect(server: Server) -> AsyncIterator[HttpRpc]:
    """Connect to a server during the block. `load` must have been called. Raises ServerFault."""
    import httpx

    from shared.bounded_http import bounded

    tls = await tls_of(server)
    addresses = await addresses_of(server)
    verify = tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The caller has a shorter limit for everything.
    client = bounded(httpx.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=60))
    async with client:
        yield HttpRpc(client, server, addresses)


def _result(number: int, status: int, body: bytes) -> object:
    if 300 <= status <= 399:
        raise ServerFault(f"The server redirects to another address; that isn't followed (status {status}).")
    try:
        found, result = decode(body)
    except BadAnswer:
        if status != 200:
            raise ServerFault(f"The server refuses (status {status}).") from None
        raise
    if found != number:
        raise BadAnswer("The server answered a question that wasn't asked.")
    return result


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BadAnswer(f"The server answered with more than {MOST_BYTES // 1024} KiB.")
    return bytes(body)


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
