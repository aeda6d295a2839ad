"""Response heads without end, in the smallest pieces: reading ends, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import httpx
import pytest
from telegram.error import NetworkError, TimedOut

from bot.cli.setup.yggdrasil import public_peers
from bot.messengers.clock import Clock
from bot.messengers.matrix.api import MatrixApi, Unreachable
from bot.messengers.telegram import switches
from bot.messengers.telegram.http import Http
from peer.overlay.staex_api import StaexApi
from shared.bounded_http import bounded
from shared.errors import MessengerError, OverlayDown, OverlayError, ServerFault, first_error
from shared.names import rpc_http
from shared.names.json_rpc import Question
from shared.names.server import Server

ROOT = Path(__file__).parents[2]

CONTINUE = b"HTTP/1.1 100 \r\n\r\n" * 5000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ANSWERS: dict[str, tuple[bytes, bytes]] = {
    "informational answers without end": (b"", CONTINUE),
    "early hints without end": (b"", b"HTTP/1.1 103 \r\nLink: </>\r\n\r\n" * 2000),
    "headers without end": (OK, b"a:\r\n" * 5000),
    "many headers": (OK + b"a:\n" * 33_000 + b"\r\n", b""),
    "a name without end": (OK, b"a" * 5000),
    "chunks of a byte": (CHUNKED, b"1\r\nx\r\n" * 5000),
    "many trailers": (CHUNKED + b"0\r\n" + b"a:\r\n" * 24_000 + b"\r\n", b""),
}
"What is sent once, and what is then repeated."

TURN_SECONDS = 0.2
"Less than half of what one read of such a response took before. In processor time, because the machine may be busy."


@contextlib.contextmanager
def serving(begin: bytes, again: bytes) -> Iterator[str]:
    """A server in a thread that replies as fast as it is read."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            for part in chain([begin], repeat(again) if again else ()):
                connection.sendall(part)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=answer, args=listening.accept()[:1]))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in (accepting, *threads):
            thread.join()


@contextlib.asynccontextmanager
async def turns() -> AsyncIterator[list[float]]:
    """How long the event loop was busy with one thing, each time."""
    taken: list[float] = []

    async def count() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            taken.append(now - last)
            last = now

    counting = asyncio.create_task(count())
    yield taken
    counting.cancel()


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_answer_holds_up_what_else_runs(answer: str) -> None:
    with serving(*ANSWERS[answer]) as address:
        async with turns() as taken, bounded(httpx.AsyncClient(trust_env=False)) as client:
            with contextlib.suppress(httpx.TransportError, TimeoutError):
                async with asyncio.timeout(3), client.stream("GET", address) as response:
                    async for _ in response.aiter_raw():
                        pass
    assert max(taken) < TURN_SECONDS


async def ask_names(address: str) -> None:
    await asyncio.to_thread(rpc_http.load)
    async with rpc_http.connect(Server.parse(address)) as rpc:
        try:
            await rpc.ask([Question("eth_chainId")])
        except ExceptionGroup as group:
            raise first_error(group) from group


async def ask_staex(address: str) -> None:
    await StaexApi(address).own_id()


async def ask_for_peers(address: str) -> None:
    await asyncio.to_thread(public_peers.fetch, address)


async def ask_telegram(address: str) -> None:
    requests = Http(1, Clock())
    try:
        await requests.do_request(address, "POST")
    finally:
        await requests.shutdown()


async def ask_telegram_through_a_proxy(address: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("all_proxy", address)
    await ask_telegram("http://telegram.invalid")


async def set_up_telegram(address: str) -> None:
    await asyncio.to_thread(switches.asked, "1:token", address, "getMe")


async def ask_matrix(address: str) -> None:
    api = MatrixApi(address)
    async with api.open():
        await api.sync("", wait=False)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (ask_names, ServerFault),
        (ask_staex, OverlayDown),
        (ask_for_peers, OverlayError),
        (ask_telegram, NetworkError),
        (set_up_telegram, MessengerError),
        (ask_matrix, Unreachable),
    ],
)
@pytest.mark.parametrize("answer", ["informational answers without end", "headers without end"])
async def test_everybody_who_asks_is_soon_done_with_a_head_without_end(
    ask: Callable[[str], Awaitable[None]], error: type[Exception], answer: str
) -> None:
    with serving(*ANSWERS[answer]) as address:
        before = time.process_time()
        with pytest.raises(error) as caught:
            await ask(address)
        assert time.process_time() - before < 2
    assert not isinstance(caught.value, TimedOut)


async def test_a_proxy_of_the_environment_is_read_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(*ANSWERS["informational answers without end"]) as address, pytest.raises(NetworkError) as caught:
        await ask_telegram_through_a_proxy(address, monkeypatch)
    assert "RemoteProtocolError" in str(caught.value)


def test_every_client_is_bounded() -> None:
    files = subprocess.run(["git", "ls-files", "bot", "peer", "shared"], cwd=ROOT, capture_output=True, text=True)
    made = re.compile(r"httpx\.(Async)?(Client|HTTPTransport)\(")
    sources = {name: (ROOT / name).read_text() for name in files.stdout.split() if name.endswith(".py")}
    makers = {name for name, source in sources.items() if made.search(source)}
    assert len(makers) >= 6
    assert not {name for name in makers if "shared.bounded_http import" not in sources[name]}
    # The library reads and unpacks all that comes with a redirect before it follows it.
    assert not {name for name, source in sources.items() if "follow_redirects=True" in source}
