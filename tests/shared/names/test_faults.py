"""Servers that are gone, hang, lie or send nonsense. The resolver leaves each within limits and asks the next one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager as Running
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from bot.command_socket import REPLY_SECONDS
from shared.errors import NamesUnreachable
from shared.names.azero import AzeroId, Network
from shared.names.ens import Chain as EnsChain
from shared.names.ens import Ens
from shared.names.second_opinion import second_opinion
from shared.names.server import Server
from shared.names.servers import LOOKUP_SECONDS, Servers
from shared.names.system import NameSystem
from shared.names.trace import Trace
from shared.node_id import NodeId
from tests.peer.own_namespace import in_own_namespace, mount
from tests.shared.names.chain import REGISTRY, ROUTER, Chain, Name, free_port
from tests.shared.names.ethereum import Ethereum, http_server
from tests.shared.names.tcp import Serve, tcp

NODE = NodeId(bytes(range(32)))
SECONDS = 2.0
"Seconds that a server without an answer may take here, and that a test waits for it."

PATIENT_SECONDS = 15.0
"Seconds that a server with an answer, or with an immediate failure, may take on a busy machine."

BOTH_SECONDS = 6.0
"Seconds for each of two servers, of which one answers and the other one never does."

BOUND = 40.0
"Seconds for a whole fault on a slow machine. The limits in the code are shorter."

SILENCE = "No answer within {seconds:g} seconds."

HUNDRED_MB = 100_000_000


@contextlib.asynccontextmanager
async def closed() -> AsyncIterator[int]:
    yield free_port()


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)  # the fault itself: each byte would come before a limit per byte


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _other_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n" * 3)
    await writer.drain()
    await asyncio.Event().wait()


def _status(line: bytes, *headers: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\r\n".join([b"HTTP/1.1 " + line, *headers, b"Content-Length: 0", b"", b""]))
        await writer.drain()
        await asyncio.Event().wait()

    return serve


REDIRECT = _status(b"302 Found", b"Location: http://127.0.0.1:1/")


def ws(handler: Callable[[ServerConnection], Awaitable[None]]) -> Callable[[], Running[int]]:
    """A server that completes the WebSocket's opening."""

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[int]:
        async with Chain().running(handler) as chain:
            yield chain.port

    return running


async def _garbage(connection: ServerConnection) -> None:
    await connection.send("<html>")


async def _huge(connection: ServerConnection) -> None:
    connection.transport.write(b"\x81\x7f" + HUNDRED_MB.to_bytes(8, "big"))
    for _ in range(HUNDRED_MB // 100_000):
        if connection.transport.is_closing():
            return
        connection.transport.write(b"x" * 100_000)
        await asyncio.sleep(0)


def _endless(frame: bytes) -> Callable[[ServerConnection], Awaitable[None]]:
    """Sends the smallest possible frames, as many as are read."""

    async def send(connection: ServerConnection) -> None:
        while not connection.transport.is_closing():
            connection.transport.write(frame * 50_000)
            await asyncio.sleep(0)

    return send


async def _half_a_frame(connection: ServerConnection) -> None:
    connection.transport.write(b"\x81\x7e\x03\xe8" + b'{"id":0')  # announces 1,000 bytes
    await connection.wait_closed()


async def _half_a_frame_and_gone(connection: ServerConnection) -> None:
    connection.transport.write(b"\x81\x7e\x03\xe8" + b'{"id":0')
    connection.transport.close()


async def _reserved_bits(connection: ServerConnection) -> None:
    connection.transport.write(b"\xf1\x01x")
    await connection.wait_closed()


async def _other_answers(connection: ServerConnection) -> None:
    for number in range(1000):
        await connection.send(f'{{"jsonrpc":"2.0","id":{number + 1000},"result":"0x"}}')


@contextlib.asynccontextmanager
async def other_chain() -> AsyncIterator[int]:
    async with Chain(genesis="0x" + "11" * 32).running() as chain:
        yield chain.port


@contextlib.asynccontextmanager
async def refusing_chain() -> AsyncIterator[int]:
    async def refuse(connection: ServerConnection) -> None:
        async for _ in connection:
            for number in range(10):
                await connection.send(f'{{"id":{number},"error":{{"code":-32000,"message":"limit"}}}}')

    async with Chain().running(refuse) as chain:
        yield chain.port


SOCKETS: dict[str, tuple[Callable[[], Running[int]], str]] = {
    "closed": (closed, "Nothing listens there."),
    "silent": (lambda: tcp(_hang), SILENCE),
    "slow": (lambda: tcp(_drip), SILENCE),
    "hangs up": (lambda: tcp(_hang_up), "The server broke off or doesn't speak WebSocket."),
    "other protocol": (lambda: tcp(_other_protocol), "The server broke off or doesn't speak WebSocket."),
    "redirect": (lambda: tcp(REDIRECT), "The server redirects to another address; that isn't followed (status 302)."),
    "refuses": (lambda: tcp(_status(b"403 Forbidden")), "The server refuses (status 403)."),
    "silent later": (ws(ServerConnection.wait_closed), SILENCE),
    "garbage": (ws(_garbage), "The server answered with something that isn't JSON-RPC."),
    "half a frame": (ws(_half_a_frame), SILENCE),
    "half a frame and gone": (ws(_half_a_frame_and_gone), "The server broke off the connection."),
    "100 MB": (ws(_huge), "The server answered with more than 512 KiB."),
    "endless pings": (ws(_endless(b"\x89\x00")), "The server answered in too many pieces."),
    "endless pieces": (ws(_endless(b"\x00\x00")), "The server broke the WebSocket protocol."),
    "broken frames": (ws(_reserved_bits), "The server broke the WebSocket protocol."),
    "other answers": (ws(_other_answers), "The server answered questions that weren't asked."),
    "wrong chain": (other_chain, "That is a server of another chain."),
    "limited": (refusing_chain, "That is a server of another chain."),
}


@pytest.fixture
async def good_chain() -> AsyncIterator[Chain]:
    async with Chain({"anna": Name({"staex-id": str(NODE)})}).running() as chain:
        yield chain


def azero(*urls: str, seconds: float) -> AzeroId:
    return AzeroId(Network(urls, Chain().genesis, ROUTER, {"azero": REGISTRY}), seconds=seconds)


async def is_left_for_the_next(
    system: Callable[[Sequence[str], float], NameSystem], bad: str, good: str, name: str, sentence: str
) -> None:
    """Check that the bad server alone gives its sentence in time, and costs only this time beside a good one."""
    silent = sentence is SILENCE
    alone, beside = (SECONDS, BOTH_SECONDS) if silent else (PATIENT_SECONDS, PATIENT_SECONDS)
    begun = time.monotonic()
    with pytest.raises(NamesUnreachable) as caught:
        await system([bad], alone).look_up(name, ("staex-id",), Trace())
    assert time.monotonic() - begun < BOUND
    assert caught.value.sentence.endswith(sentence.format(seconds=alone))
    trace = Trace()
    begun = time.monotonic()
    assert (await system([bad, good], beside).look_up(name, ("staex-id",), trace)).node == NODE
    assert time.monotonic() - begun < BOUND
    assert trace.steps[0].outcome == sentence.format(seconds=beside)


@pytest.mark.parametrize("fault", SOCKETS)
async def test_a_websocket_server_that_fails_is_left_for_the_next(good_chain: Chain, fault: str) -> None:
    make, sentence = SOCKETS[fault]
    async with make() as port:
        bad = f"ws://127.0.0.1:{port}"

        def system(urls: Sequence[str], seconds: float) -> AzeroId:
            return azero(*urls, seconds=seconds)

        await is_left_for_the_next(system, bad, good_chain.url, "anna.azero", sentence)


def http(body: bytes) -> Callable[[], Running[int]]:
    """A server that answers each question with the same bytes."""

    async def answer(_: bytes) -> bytes:
        return body

    return lambda: http_server(answer)


@contextlib.asynccontextmanager
async def other_ethereum() -> AsyncIterator[int]:
    other = Ethereum()
    other.chain_id = 5
    async with other.running():
        yield other.port


async def _half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id":')
    await writer.drain()


async def _hundred_mb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUNDRED_MB)
    for _ in range(HUNDRED_MB // 100_000):
        writer.write(b"x" * 100_000)
        await writer.drain()


REQUESTS: dict[str, tuple[Callable[[], Running[int]], str]] = {
    "closed": (closed, "Nothing listens there."),
    "silent": (lambda: tcp(_hang), SILENCE),
    "slow": (lambda: tcp(_drip), SILENCE),
    "hangs up": (lambda: tcp(_hang_up), "The server broke off or doesn't speak HTTP."),
    "other protocol": (lambda: tcp(_other_protocol), SILENCE),
    "redirect": (lambda: tcp(REDIRECT), "The server redirects to another address; that isn't followed (status 302)."),
    "refuses": (lambda: tcp(_status(b"429 Too Many Requests")), "The server refuses (status 429)."),
    "garbage": (http(b"<html>"), "The server answered with something that isn't JSON-RPC."),
    "half an answer": (lambda: tcp(_half_a_body), "The server broke off or doesn't speak HTTP."),
    "100 MB": (lambda: tcp(_hundred_mb), "The server answered with more than 512 KiB."),
    "other answers": (http(b'{"id":77,"result":"0x"}'), "The server answered a question that wasn't asked."),
    "wrong chain": (other_ethereum, "That is a server of another chain, number 5."),
}


@pytest.mark.parametrize("fault", REQUESTS)
async def test_an_http_server_that_fails_is_left_for_the_next(fault: str) -> None:
    make, sentence = REQUESTS[fault]
    good = Ethereum()
    good.give("anna.eth", good.resolver)
    good.write("anna.eth", "staex-id", str(NODE))
    async with good.running(), make() as port:
        bad = f"http://127.0.0.1:{port}"

        def system(urls: Sequence[str], seconds: float) -> Ens:
            return Ens(EnsChain(tuple(urls), 1, good.registry), seconds=seconds)

        await is_left_for_the_next(system, bad, good.url, "anna.eth", sentence)


OVER_HTTP = ("silent", "slow", "redirect", "refuses", "garbage", "half an answer", "100 MB", "other answers")


@pytest.mark.parametrize(
    ("scheme", "fault"),
    [("ws", fault) for fault in SOCKETS if fault != "limited"] + [("http", fault) for fault in OVER_HTTP],
)
async def test_what_a_second_opinion_is_read_from_has_the_same_bounds(
    good_chain: Chain, scheme: str, fault: str
) -> None:
    make, sentence = (SOCKETS if scheme == "ws" else REQUESTS)[fault]
    seconds = SECONDS if sentence is SILENCE else PATIENT_SECONDS
    async with make() as port:
        bad = f"{scheme}://127.0.0.1:{port}"

        def network(*urls: str) -> Network:
            return Network(urls, good_chain.genesis, ROUTER, {"azero": REGISTRY})

        begun = time.monotonic()
        with pytest.raises(NamesUnreachable) as caught:
            await second_opinion(network(bad), "anna.azero", ("staex-id",), seconds=seconds)
        assert caught.value.sentence.endswith(sentence.format(seconds=seconds))
        beside = BOTH_SECONDS if sentence is SILENCE else PATIENT_SECONDS
        found = await second_opinion(network(bad, good_chain.url), "anna.azero", ("staex-id",), seconds=beside)
        assert found == (good_chain.url.removeprefix("ws://"), NODE)
        assert time.monotonic() - begun < BOUND


async def test_a_name_system_may_be_asked_over_http_as_well(good_chain: Chain) -> None:
    import json

    async def answer(body: bytes) -> bytes:
        return json.dumps(good_chain.reply(json.loads(body))).encode()

    async with http_server(answer) as port:
        record = await azero(f"http://127.0.0.1:{port}", seconds=PATIENT_SECONDS).look_up(
            "anna.azero", ("staex-id",), Trace()
        )
        assert record.node == NODE
        network = Network((f"http://127.0.0.1:{port}",), good_chain.genesis, ROUTER, {"azero": REGISTRY})
        assert await second_opinion(network, "anna.azero", ("staex-id",)) == (f"127.0.0.1:{port}", NODE)


async def test_a_key_in_a_servers_address_is_not_logged(good_chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    import json

    async def answer(body: bytes) -> bytes:
        return json.dumps(good_chain.reply(json.loads(body))).encode()

    caplog.set_level(logging.DEBUG)
    async with http_server(answer) as port:
        for url in (f"http://127.0.0.1:{port}/v3/SECRETKEY", f"{good_chain.url}/v3/SECRETKEY"):
            system = azero(url, seconds=PATIENT_SECONDS)
            assert (await system.look_up("anna.azero", ("staex-id",), Trace())).node == NODE
    ours = [record for record in caplog.records if not record.name.startswith(("websockets.server", "aiohttp"))]
    assert not [record for record in ours if "SECRETKEY" in record.getMessage()]


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_nothing_is_imported_in_the_time_of_a_server(scheme: str) -> None:
    """Imports take longer than a question, so on a slow machine they would look like the server's silence."""
    script = """
import asyncio, sys
from shared.errors import ServerFault
from shared.names import rpc_http, rpc_websocket
from shared.names.json_rpc import Question
from shared.names.second_opinion import second_opinion
from shared.names.server import Server

async def ask(way, url):
    async def hang_up(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        writer.close()
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            async with way.connect(Server.parse(f"{url}://127.0.0.1:{port}")) as rpc:
                await rpc.ask([Question("x", [])])
        except* ServerFault as faults:
            print(faults)

url = sys.argv[1]
way = rpc_http if url == "http" else rpc_websocket
way.load()
before = set(sys.modules)
asyncio.run(ask(way, url))
sys.exit(str(found) if (found := sorted(set(sys.modules) - before)) else 0)
"""
    done = subprocess.run([sys.executable, "-c", script, scheme], capture_output=True, text=True, timeout=BOUND)
    assert (done.returncode, done.stderr) == (0, "")


async def test_all_servers_together_take_no_longer_than_a_lookup_may() -> None:
    async with tcp(_hang) as port:
        servers = Servers("X", [f"ws://127.0.0.1:{port}"] * 1000, seconds=0.2, lookup_seconds=0.5)
        begun = time.monotonic()
        with pytest.raises(NamesUnreachable):
            await servers.ask("x", Trace(), lambda _: asyncio.sleep(0))
        assert time.monotonic() - begun < BOUND
    assert LOOKUP_SECONDS < REPLY_SECONDS  # how long `copybara call` waits for the running program


def test_a_host_name_that_hangs_is_left_behind(tmp_path: Path) -> None:
    """The system's resolver can't be stopped. Nobody waits for its thread, not even the end of the program."""

    async def work() -> None:
        for name, content in (("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: dns\n")):
            (tmp_path / name).write_text(content)
            mount("--bind", str(tmp_path / name), f"/etc/{name}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as name_server:
            name_server.bind(("127.0.0.1", 53))
            with pytest.raises(NamesUnreachable, match=r"No answer within 2 seconds"):
                await azero("wss://hanging.example", seconds=SECONDS).look_up("anna.azero", ("staex-id",), Trace())
            name_server.settimeout(SECONDS)
            assert b"hanging" in name_server.recv(512)
            hanging = [thread for thread in threading.enumerate() if thread.name == "in thread"]
            assert hanging
            assert all(thread.daemon for thread in hanging)

    in_own_namespace(work, own_mounts=True)


@pytest.mark.parametrize(
    "url",
    [
        "ws://ws.azero.dev",
        "http://eth.example",
        "ftp://x",
        "wss://",
        "wss://user:key@x.dev",
        "wss://x.dev:0",
        "wss://a b",
        "ws://8.8.8.8",
        # An IPv4 address inside: mapped, 6to4 and Teredo.
        "ws://[::ffff:8.8.8.8]",
        "ws://[2002:808:808::1]",
        "ws://[64:ff9b::808:808]",
        "ws://[64:ff9b:1::808:808]",
        "ws://[2001:0:808:808::1]",
        "wss://x.dev/#a",
        "wss://é.dev",
    ],
)
def test_an_address_that_anybody_could_answer_for_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not"):
        Server.parse(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://ws.azero.dev", "ws.azero.dev"),
        ("https://mainnet.example/v3/SECRETKEY", "mainnet.example"),
        ("ws://127.0.0.1:9944", "127.0.0.1:9944"),
        ("ws://[fd00::1]:9944", "[fd00::1]:9944"),
        ("ws://10.83.0.7", "10.83.0.7"),
        ("ws://[200:1234::1]", "[200:1234::1]"),
    ],
)
def test_a_server_is_shown_without_what_may_be_a_key(url: str, shown: str) -> None:
    assert Server.parse(url).shown == shown
