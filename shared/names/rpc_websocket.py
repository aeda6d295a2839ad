"""JSON-RPC over a WebSocket, for servers of Substrate chains."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from shared.errors import BadAnswer, ServerFault
from shared.names.json_rpc import MOST_BYTES, Question, decode
from shared.names.server import Server, addresses_of, tls_of

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.protocol import Event

MOST_STRAY = 16
"After this many messages that answer none of our questions, the server is given up."

MOST_FRAMES = 1_000
"""How many frames one connection may have, such as parts of messages and pings. Each costs about 20 µs. Without a
limit, the library would read 130,000 empty ones before anything else runs."""

PIECE_BYTES = 512
"How many bytes the library gets at a time: at most 256 frames."

_silent = logging.Logger("websockets", logging.CRITICAL + 1)
# The library's own logger would log addresses, which may contain keys.


class WebSocketRpc:
    """An open connection. Made by `connect`."""

    def __init__(self, connection: ClientConnection, server: str) -> None:
        self.server = server
        self._connection = connection
        self._asked = 0

    async def ask(self, questions: Sequence[Question]) -> list[object]:
        """See JsonRpc."""
        from websockets.exceptions import ConnectionClosed

        first, self._asked = self._asked, self._asked + len(questions)
        answers: dict[int, object] = {}
        stray = 0
        with contextlib.suppress(ConnectionClosed):  # what came before is read below
            for number, question in enumerate(questions, start=first):
                await self._connection.send(question.encode(number).decode())
        try:
            while len(answers) < len(questions):
                number_, result = decode(await self._connection.recv())
                if type(number_) is int and first <= number_ < self._asked and number_ not in answers:
                    answers[number_] = result
                else:
                    stray += 1
                    if stray > MOST_STRAY:
                        raise BadAnswer("The server answered questions that weren't asked.")
        except ConnectionClosed as error:
            ours = error.sent.code if error.sent is not None and error.rcvd is None else None
            if ours == 1009:  # too big (RFC 6455, 7.4.1)
                raise BadAnswer(f"The server answered with more than {MOST_BYTES // 1024} KiB.") from error
            if getattr(self._connection, "frames", 0) > MOST_FRAMES:
                raise BadAnswer("The server answered in too many pieces.") from error
            if ours is not None:
                raise BadAnswer("The server broke the WebSocket protocol.") from error
            raise ServerFault("The server broke off the connection.") from error
        return [answers[number] for number in range(first, self._asked)]


def load() -> None:
    """Import the library. May take a second, so don't call it in the event loop."""
    importlib.import_module("websockets.asyncio.client")


@contextlib.asynccontextmanager
async def connect(server: Server) -> AsyncIterator[WebSocketRpc]:
    """Connect during the block. `load` must have been called. No proxy is used and no redirect followed.

    Raises ServerFault.
    """
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.client import connect as open_websocket
    from websockets.exceptions import InvalidHandshake, InvalidStatus

    class Impatient(ClientConnection):
        """Ends the connection without waiting, because a faulty server may send endless data."""

        frames = 0

        def data_received(self, data: bytes) -> None:
            for at in range(0, len(data), PIECE_BYTES):
                super().data_received(data[at : at + PIECE_BYTES])
                if self.protocol.close_expected() or self.frames > MOST_FRAMES:
                    self.transport.abort()
                    return

        def process_event(self, event: Event) -> None:
            self.frames += 1
            super().process_event(event)

    class Direct(open_websocket):
        """Follows no redirect."""

        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    tls = await tls_of(server)
    stream = await _open(server)
    try:
        connection = await Direct(
            server.url,
            sock=stream,
            ssl=tls,
            server_hostname=server.host if tls else None,
            proxy=None,
            compression=None,
            user_agent_header=None,
            open_timeout=None,  # the caller has a limit for everything
            ping_interval=None,
            close_timeout=0,
            max_size=MOST_BYTES,
            logger=_silent,
            create_connection=Impatient,
        )
    except BaseException as error:
        stream.close()
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            what = "redirects to another address; that isn't followed" if 300 <= status <= 399 else "refuses"
            raise ServerFault(f"The server {what} (status {status}).") from error
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ServerFault("The server's certificate isn't good for its name.") from error
        if isinstance(error, InvalidHandshake | EOFError | OSError):
            raise ServerFault("The server broke off or doesn't speak WebSocket.") from error
        raise
    try:
        yield WebSocketRpc(connection, server.shown)
    finally:
        connection.transport.abort()  # a closing handshake may hang, and nothing is lost without it


async def _open(server: Server) -> socket.socket:
    """Connect by TCP to the first address that accepts."""
    loop = asyncio.get_running_loop()
    for address in await addresses_of(server):
        stream = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            stream.setblocking(False)
            await loop.sock_connect(stream, (address, server.port))
        except BaseException as error:
            stream.close()
            if not isinstance(error, OSError):
                raise
        else:
            return stream
    raise ServerFault("Nothing listens there.")
