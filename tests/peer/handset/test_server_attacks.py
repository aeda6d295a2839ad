"""Attacks of other pages, other users and broken programs on the handset's server, which continues to work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from peer.handset.connection_limits import MAX_CONNECTIONS, PAUSE_SECONDS, TURNED_AWAY_AT_ONCE, ConnectionTimes
from peer.handset.page_server import MESSAGES
from peer.handset.proof import PAGE, Meeting, proof_key
from peer.handset.protocol import CLOSE_TAKEN_OVER, CLOSE_UNPROVEN, MAX_MESSAGE, Problem
from peer.handset.server import HandsetServer
from peer.handset.tickets import ticket_name
from tests.peer.handset.knocking import encoded, knock
from tests.peer.handset.serving import HOME_KEY, PATIENCE, Served, serving

NOBODY = 65_534


async def get(served: Served, path: str, **headers: str) -> tuple[int, str, Any]:
    async with served.http.get(
        served.url(path), headers={name.replace("_", "-"): text for name, text in headers.items()}
    ) as response:
        return response.status, await response.text(), response.headers


async def refused_socket(served: Served, url: str, headers: dict[str, str]) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.http.ws_connect(url, headers=headers)
    return refused.value.status


async def closed_with(served: Served, sock: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which the server closes a socket, whatever it sends before."""
    async with asyncio.timeout(PATIENCE):
        async for _ in sock:
            pass
    return sock.close_code


# What is served.


async def test_the_page_and_its_parts_are_served_and_set_no_cookie(served: Served) -> None:
    status, text, headers = await get(served, "/")
    assert (status, "Copybara" in text) == (200, True)
    assert "Set-Cookie" not in headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    status, text, headers = await get(served, "/parts/call.js")
    assert (status, text) == (200, "export const call = 1;")
    assert headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "/notes.txt",
        "/parts",
        "/parts/",
        "/nothing.js",
        "/../node.key",
        "/..%2fnode.key",
        "/%2e%2e/node.key",
        "/parts/../../node.key",
        "/parts//call.js",
        "//parts/call.js",
        "/parts/call.js%00.html",
        "/parts%5ccall.js",
        "/C:/parts/call.js",
    ],
)
async def test_nothing_but_the_pages_own_files_is_served(served: Served, path: str) -> None:
    answer = await served.asked(f"GET {path} HTTP/1.1", f"Host: {served.host}")
    assert b"secret" not in answer
    assert answer.split(b" ", 2)[1] in (b"404", b"400")
    await served.works()


# Without a key.


@contextlib.asynccontextmanager
async def unknown_page(served: Served) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A page of the right origin that hasn't proven a key yet."""
    async with served.http.ws_connect(served.socket_url, headers=served.socket_headers()) as sock:
        yield sock


async def test_the_server_says_nothing_before_the_page_has_proven_the_key(served: Served) -> None:
    async with unknown_page(served) as sock:
        await sock.send_json({"type": "prove", "key": "home", "nonce": encoded(bytes(32))})
        assert (await served.next(sock))["type"] == "server-proof"
        await sock.send_json({"type": "page-proof", "proof": encoded(bytes(32))})
        assert await closed_with(served, sock) == CLOSE_UNPROVEN
    assert served.pages.current is None
    await served.works()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hang-up", "call": 1},
        {"type": "prove", "key": "home", "nonce": ""},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(31))},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(33))},
        {"type": "prove", "key": "nothing", "nonce": encoded(bytes(32))},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(32)), "more": 1},
        {"type": "prove", "key": "ticket", "name": "0" * 16, "nonce": encoded(bytes(32))},
        {"type": "page-proof", "proof": encoded(bytes(32))},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(32)), "name": "a" * 5000},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(32)), "tab": "a" * 37},
        {"type": "prove", "key": "home", "nonce": encoded(bytes(32)), "takes": 1},
    ],
    ids=str,
)
async def test_what_is_no_proof_ends_the_socket_and_nothing_else(served: Served, message: dict[str, Any]) -> None:
    async with unknown_page(served) as sock:
        await sock.send_json(message)
        assert await closed_with(served, sock) == CLOSE_UNPROVEN
    assert served.notes.heard_messages.empty()
    await served.works()


async def test_a_page_that_says_nothing_is_closed(static: Path) -> None:
    async with serving(static, times=ConnectionTimes(proof=1.0)) as served:
        async with unknown_page(served) as sock:
            assert await closed_with(served, sock) == CLOSE_UNPROVEN
        await served.works()


async def test_a_proof_is_good_for_one_socket(served: Served) -> None:
    """A proof that was heard once doesn't work again, because the server's random number differs."""
    nonce = bytes(32)

    async def asked(sock: aiohttp.ClientWebSocketResponse) -> Meeting:
        await sock.send_json({"type": "prove", "key": "home", "nonce": encoded(nonce)})
        answer = await served.next(sock)
        return Meeting(served.host, nonce, b64decode(str(answer["nonce"])))

    async with unknown_page(served) as first, unknown_page(served) as second:
        heard, now = await asked(first), await asked(second)
        assert heard.server_nonce != now.server_nonce
        await second.send_json({"type": "page-proof", "proof": encoded(heard.proof(HOME_KEY, PAGE))})
        assert await closed_with(served, second) == CLOSE_UNPROVEN


async def test_the_servers_own_proof_sent_back_proves_nothing(served: Served) -> None:
    async with unknown_page(served) as sock:
        await sock.send_json({"type": "prove", "key": "home", "nonce": encoded(bytes(32))})
        answer = await served.next(sock)
        await sock.send_json({"type": "page-proof", "proof": answer["proof"]})
        assert await closed_with(served, sock) == CLOSE_UNPROVEN


async def test_a_page_that_knows_this_runs_key_gets_the_homes_and_it_does_not_pass_in_the_open(served: Served) -> None:
    async with unknown_page(served) as sock:
        secret = served.server.session.key.encode()
        nonce = bytes(range(32))
        await sock.send_json({"type": "prove", "key": "run", "nonce": encoded(nonce)})
        answer = await served.next(sock)
        meeting = Meeting(served.host, nonce, b64decode(str(answer["nonce"])))
        await sock.send_json({"type": "page-proof", "proof": encoded(meeting.proof(proof_key(secret), PAGE))})
        given = await served.next(sock)
        assert given["type"] == "home-key"
        assert b64decode(str(given["key"])) == meeting.wrapped(secret, HOME_KEY)
        assert HOME_KEY not in b64decode(str(given["key"]))
        assert (await served.next(sock))["type"] == "hello"


# Tickets.


def ticket(served: Served) -> bytes:
    assert isinstance(served.server, HandsetServer)
    return served.server.tickets.issue("a message", lambda: None).encode()


async def test_a_ticket_lets_one_page_in(served: Served) -> None:
    secret = ticket(served)
    async with unknown_page(served) as sock:
        first = await knock(sock, served.host, "ticket", secret)
        assert first is not None
        assert first["type"] == "home-key"
    async with unknown_page(served) as sock:
        assert await knock(sock, served.host, "ticket", secret) is None


async def test_a_ticket_that_two_pages_prove_at_once_lets_one_in(served: Served) -> None:
    secret = ticket(served)
    async with unknown_page(served) as first, unknown_page(served) as second:
        let_in = await asyncio.gather(*(knock(sock, served.host, "ticket", secret) for sock in (first, second)))
    assert sorted(answer is not None for answer in let_in) == [False, True]


async def test_a_ticket_is_not_used_up_by_what_has_not_proven_it(served: Served) -> None:
    secret = ticket(served)
    async with served.http.get(served.url(f"/?ticket={secret.decode()}")) as response:
        assert response.status == 200
    async with unknown_page(served) as sock:
        name = ticket_name(secret.decode())
        await sock.send_json({"type": "prove", "key": "ticket", "name": name, "nonce": encoded(bytes(32))})
        await served.next(sock)
        await sock.send_json({"type": "page-proof", "proof": encoded(bytes(32))})
        assert await closed_with(served, sock) == CLOSE_UNPROVEN
    async with unknown_page(served) as sock:
        assert await knock(sock, served.host, "ticket", secret) is not None


# From other pages.


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "file://"]
)
async def test_a_foreign_origin_gets_no_socket(served: Served, origin: str) -> None:
    assert await refused_socket(served, served.socket_url, served.socket_headers(Origin=origin)) == 403
    await served.works()


async def test_a_socket_without_any_origin_is_refused(served: Served) -> None:
    assert await refused_socket(served, served.socket_url, {}) == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"])
async def test_a_rebinding_host_gets_nothing(served: Served, host: str) -> None:
    host = host.format(port=served.port)
    assert (await get(served, "/", Host=host))[0] == 421
    socket = {"Host": host, "Origin": f"http://{host}"}
    assert await refused_socket(served, served.socket_url, socket) == 421
    await served.works()


async def test_a_request_without_a_host_gets_nothing(served: Served) -> None:
    answer = await served.asked("GET / HTTP/1.0")
    assert b" 421 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_pages_script_image_or_frame_gets_nothing(served: Served, site: str) -> None:
    for mode, dest in (("no-cors", "script"), ("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        assert (await get(served, "/", **headers))[0] == 403
        assert (await get(served, "/parts/call.js", **headers))[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
async def test_nothing_can_be_changed_by_a_request(served: Served, method: str) -> None:
    answer = await served.asked(f"{method} / HTTP/1.1", f"Host: {served.host}")
    assert answer.split(b" ", 2)[1] in (b"405", b"400", b"404")
    assert b"Access-Control-Allow" not in answer
    await served.works()


# Other users of the machine.


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; .ci/run is root and runs it")
async def test_another_users_process_is_turned_away_before_it_has_said_anything(served: Served) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    request = f"GET / HTTP/1.1\\r\\nHost: {served.host}\\r\\nConnection: close\\r\\n\\r\\n"
    script = f"exec 3<>/dev/tcp/127.0.0.1/{served.port}; printf '{request}' >&3; cat <&3"

    async def asked(**who: Any) -> bytes:
        process = await asyncio.create_subprocess_exec(
            bash, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd="/", **who
        )
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate()
        return answer

    assert (await asked()).startswith(b"HTTP/1.1 200 ")
    assert await asked(user=NOBODY, group=NOBODY, extra_groups=[]) == b""
    await served.works()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; .ci/run is root and runs it")
async def test_another_users_flood_of_connections_is_looked_at_in_small_portions(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    portions = 10
    bash = shutil.which("bash")
    assert bash is not None
    again = f"for ((n = 0; n < {portions * TURNED_AWAY_AT_ONCE}; n++))"
    script = f"{again}; do exec 3<>/dev/tcp/127.0.0.1/{served.port}; read -r answer <&3; exec 3>&-; done; echo done"
    loop = asyncio.get_running_loop()
    began = loop.time()
    flood = await asyncio.create_subprocess_exec(
        *(bash, "-c", script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )
    async with asyncio.timeout(PATIENCE):
        assert (await flood.communicate())[0] == b"done\n"
    assert loop.time() - began >= (portions - 1) * PAUSE_SECONDS
    assert sum("turned away" in record.message for record in caplog.records) == 1
    await served.works()


# Broken and malicious requests.


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\0" * 4096,
        b"GET",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nCookie: \xff\xfe\r\n\r\n",
        b"GET /%ff%fe?key=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda request: repr(request[:30]),
)
async def test_a_malformed_or_oversized_request_ends_itself_only(
    served: Served, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await served.raw(request_bytes)
    assert not answer or answer.split(b" ", 2)[1][:1] == b"4"
    await served.works()
    assert not [record for record in caplog.records if record.exc_info], "no traceback for what others send"


async def ends(reader: asyncio.StreamReader) -> None:
    """Wait until the server has closed a connection without an answer."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_more_connections_than_there_may_be_keep_nobody_out(served: Served) -> None:
    """The oldest connection that isn't a page's is closed."""
    async with served.page() as page:
        idle = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3 * MAX_CONNECTIONS)]
        for reader, _ in idle[:MAX_CONNECTIONS]:
            await ends(reader)
        await page.send_json({"type": "hang-up", "call": 1})
        async with asyncio.timeout(PATIENCE):
            assert (await served.notes.heard_messages.get()).call == 1  # type: ignore[union-attr]
        await served.works()
        for _, writer in idle:
            writer.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: ",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nslow",
    ],
    ids=["silent", "half a header", "half a body"],
)
async def test_a_connection_that_takes_too_long_is_ended(static: Path, begun: bytes) -> None:
    async with serving(static, times=ConnectionTimes(request=1.0, connection=1.0)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(begun)
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        await served.works()


# Broken and malicious WebSocket messages.


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "[]",
        '"hang-up"',
        "{}",
        '{"type": "hang-up"}',
        '{"type": "nothing"}',
        '{"type": "hang-up", "call": "1"}',
        '{"type": "hang-up", "call": -1}',
        '{"type": "hang-up", "call": 1e99}',
        '{"type": "hang-up", "call": 1, "more": 2}',
        '{"type": "hello"}',
        '{"type": "place", "whom": "anna", "media": "smell"}',
        '{"type": "place", "whom": ""}',
        '{"type": "write", "call": 1, "text": "\\ud800"}',
        '{"type": "set-media", "call": 1, "audio": 1, "video": 0}',
        "[" * 30_000,
        '{"type":' * 5_000,
        json.dumps({"type": "write", "call": 1, "text": "a" * 4_001}),
        json.dumps({"type": "media-answer", "call": 1, "leg": 1, "sdp": "a" * 40_000}),
        "\0",
        "💥" * 100,
    ],
    ids=lambda message: message[:40],
)
async def test_a_message_that_isnt_the_pages_ends_that_page_only(served: Served, message: str) -> None:
    async with served.page() as sock:
        await sock.send_str(message)
        assert await closed_with(served, sock) == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert served.pages.current is None
    assert served.notes.heard_messages.empty()
    await served.works()


async def test_an_oversized_message_ends_that_page_only(served: Served) -> None:
    async with served.page() as sock:
        await sock.send_str(json.dumps({"type": "explain", "text": "a" * MAX_MESSAGE}))
        assert await closed_with(served, sock) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await served.works()


async def test_a_binary_message_that_is_no_piece_of_a_file_ends_that_page_only(served: Served) -> None:
    async with served.page() as sock:
        await sock.send_bytes(b'{"type": "hang-up", "call": 1}')
        assert await closed_with(served, sock) == aiohttp.WSCloseCode.POLICY_VIOLATION
    await served.works()


async def test_broken_frames_end_that_page_only(served: Served) -> None:
    headers = "".join(f"{name}: {text}\r\n" for name, text in served.socket_headers().items())
    request = (
        f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{headers}"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    huge = b"\x81\xff" + (2**62).to_bytes(8, "big") + b"mask"
    for frame in (
        b"\xff\xff\xff\xff",
        b"\x81\x05hello",
        huge,
        b"\xc1\x80mask",
        b"\x83\x80mask",
        b"\x89\xfe\xff\xffmask",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.write(frame)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
    await served.works()


async def test_a_flood_of_messages_is_worked_off_in_order(served: Served) -> None:
    async with served.page() as sock:
        for number in range(2_000):
            await sock.send_json({"type": "hang-up", "call": number})
        async with asyncio.timeout(PATIENCE):
            heard = [await served.notes.heard_messages.get() for _ in range(2_000)]
    assert [message.call for message in heard] == list(range(2_000))  # type: ignore[union-attr]


# Several pages.


async def test_the_newer_page_takes_over_and_the_older_is_told(served: Served) -> None:
    async with served.page() as older:
        first = served.pages.current
        async with served.page():
            assert (await served.next(older))["type"] == "taken-over"
            assert await closed_with(served, older) == CLOSE_TAKEN_OVER
            assert served.pages.current is not first
            assert served.pages.current is not None


async def test_a_page_that_comes_in_a_call_gets_its_key_and_has_to_ask_for_the_call(served: Served) -> None:
    served.pages.calls.add(1)
    secret = ticket(served)
    async with served.page():
        first = served.pages.current
        async with unknown_page(served) as sock:
            told = await knock(sock, served.host, "ticket", secret, tab="another")
            assert told is not None
            assert told["type"] == "home-key", "its ticket is used up"
            assert (await served.next(sock))["type"] == "taken-over"
            assert await closed_with(served, sock) == CLOSE_TAKEN_OVER
        assert served.pages.current is first
        assert served.pages.open == (first,)
        async with unknown_page(served) as sock:
            told = await knock(sock, served.host, "home", HOME_KEY, tab="another", takes=True)
            assert told is not None
            assert told["type"] == "hello"
            assert served.pages.current is not first


async def test_an_older_page_that_leaves_late_takes_nothing_away(served: Served) -> None:
    async with served.page() as older, served.page():
        current = served.pages.current
        await closed_with(served, older)
        await older.close()
        assert served.pages.current is current


async def test_a_page_that_leaves_is_forgotten(served: Served) -> None:
    changed = asyncio.Event()
    async with served.page():
        assert served.pages.current is not None
        served.pages.listen(changed.set)
    async with asyncio.timeout(PATIENCE):
        await changed.wait()
    assert served.pages.current is None


async def test_a_page_that_reads_nothing_and_says_that_it_lives_is_closed(served: Served) -> None:
    async with served.page() as sock:
        page = served.pages.current
        connection = sock._response.connection
        assert page is not None
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        async with asyncio.timeout(2 * PATIENCE):
            with contextlib.suppress(aiohttp.ClientConnectionResetError):
                while True:
                    served.pages.send(Problem(kind="", sentence="x" * 100_000, hint=""))
                    await sock.pong()
                    await asyncio.sleep(0.1)
        assert page.gone.is_set()
    await served.works()


async def test_a_flood_of_messages_closes_the_page_that_sends_it(served: Served) -> None:
    async with served.page() as sock:
        with contextlib.suppress(ConnectionError):
            for number in range(2 * MESSAGES.at_once):
                await sock.send_json({"type": "hang-up", "call": number})
        assert await closed_with(served, sock) == aiohttp.WSCloseCode.POLICY_VIOLATION
    served.notes.heard_messages = asyncio.Queue()
    await served.works()


async def test_the_log_has_no_key(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await get(served, "/nothing")
    secret = ticket(served)
    for kind, known in (("ticket", secret), ("ticket", secret), ("run", served.server.session.key.encode())):
        async with unknown_page(served) as sock:
            await knock(sock, served.host, kind, known)
    await served.works()
    assert secret.decode() not in caplog.text
    assert served.server.session.key not in caplog.text
    assert encoded(HOME_KEY) not in caplog.text
