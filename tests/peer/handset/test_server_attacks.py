"""What other pages, other users and broken programs try with the handset's server, and that it goes on working."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
from typing import Any

import aiohttp
import pytest

from peer.handset.protocol import CLOSE_TAKEN_OVER, MAX_MESSAGE
from tests.peer.handset.serving import PATIENCE, Served

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
    """The code with which the server closes a socket, whatever it says before."""
    async with asyncio.timeout(PATIENCE):
        async for _ in sock:
            pass
    return sock.close_code


# What is served.


async def test_the_address_that_is_printed_gives_the_page_and_the_cookie(served: Served) -> None:
    status, text, headers = await get(served, f"/?key={served.server.session.key}")
    assert (status, "Copybara" in text) == (200, True)
    assert headers["Set-Cookie"] == served.server.session.set_cookie()
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


async def test_the_page_and_its_parts_are_served_with_the_cookie(served: Served) -> None:
    assert (await get(served, "/", **served.cookie))[0] == 200
    status, text, headers = await get(served, "/parts/call.js", **served.cookie)
    assert (status, text) == (200, "export const call = 1;")
    assert headers["Content-Type"].startswith("text/javascript")
    assert "Set-Cookie" not in headers


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
    host, cookie = f"Host: 127.0.0.1:{served.port}", f"Cookie: {served.cookie['Cookie']}"
    answer = await served.asked(f"GET {path} HTTP/1.1", host, cookie)
    assert b"secret" not in answer
    assert answer.split(b" ", 2)[1] in (b"404", b"400")
    await served.works()


# Without a key.


@pytest.mark.parametrize("path", ["/", "/?key=", "/?key=wrong", "/parts/call.js", "/index.html", "/nothing", "/?Key=1"])
async def test_without_the_key_nothing_is_served(served: Served, path: str) -> None:
    status, text, headers = await get(served, path)
    assert status == 403
    assert "copybara" in text
    assert served.server.session.key not in text
    assert "Set-Cookie" not in headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_a_wrong_key_is_refused_even_with_the_cookie(served: Served) -> None:
    assert (await get(served, "/?key=wrong", **served.cookie))[0] == 403


async def test_the_socket_needs_the_cookie_and_the_key(served: Served) -> None:
    bare = f"ws://127.0.0.1:{served.port}/socket"
    headers = served.socket_headers()
    assert await refused_socket(served, bare, headers) == 403
    assert await refused_socket(served, f"{bare}?key=wrong", headers) == 403
    assert await refused_socket(served, served.socket_url, {"Origin": served.origin}) == 403
    await served.works()


# Tickets.


def ticket(served: Served) -> str:
    """The path of a button that opens the page."""
    return f"/?ticket={served.server.tickets.issue('a message', lambda: None)}"


async def led(served: Served, path: str, **headers: str) -> tuple[int, str]:
    """The status of an answer, and where it leads or what it says."""
    async with served.http.get(served.url(path), headers=headers, allow_redirects=False) as response:
        assert "Set-Cookie" not in response.headers
        return response.status, response.headers.get("Location") or await response.text()


async def test_a_ticket_is_exchanged_for_the_key_once(served: Served) -> None:
    path = ticket(served)
    assert await led(served, path) == (303, f"/?key={served.server.session.key}")
    status, text = await led(served, path)
    assert status == 403
    assert "/handset" in text
    assert served.server.session.key not in text


async def test_a_used_ticket_still_leads_to_the_page_where_the_cookie_is(served: Served) -> None:
    path = ticket(served)
    await led(served, path)
    assert await led(served, path, **served.cookie) == (303, "/")


async def test_a_ticket_is_not_used_up_by_what_nobody_has_opened(served: Served) -> None:
    path = ticket(served)
    async with served.http.head(served.url(path)) as response:
        assert response.status == 403
    for name, value in (
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Purpose", "preview"),
        ("X-Moz", "prefetch"),
    ):
        assert (await led(served, path, **{name: value}))[0] == 503
    assert (await led(served, path))[0] == 303


async def test_a_ticket_opens_nothing_for_other_pages_names_and_parts(served: Served) -> None:
    path = ticket(served)
    assert (await led(served, path, Host="evil.example"))[0] == 421
    assert (await led(served, path, Origin="http://evil.example"))[0] == 403
    frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert (await led(served, path, **frame))[0] == 403
    assert (await led(served, path.replace("/?", "/index.html?")))[0] == 403
    socket = f"ws://127.0.0.1:{served.port}/socket{path[1:]}"
    assert await refused_socket(served, socket, served.socket_headers()) == 403
    assert (await led(served, path))[0] == 303


@pytest.mark.parametrize("path", ["/?ticket=", "/?ticket=wrong", "/?ticket=%ff", "/?ticket=a&ticket=b"])
async def test_what_is_no_ticket_opens_nothing(served: Served, path: str) -> None:
    assert (await led(served, path))[0] == 403
    assert (await led(served, f"{path}&key=wrong"))[0] == 403


# From other pages.


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "file://"]
)
async def test_a_foreign_origin_gets_no_socket_even_with_cookie_and_key(served: Served, origin: str) -> None:
    assert await refused_socket(served, served.socket_url, served.socket_headers(Origin=origin)) == 403
    await served.works()


async def test_a_socket_without_any_origin_is_refused(served: Served) -> None:
    assert await refused_socket(served, served.socket_url, served.cookie) == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"])
async def test_a_rebinding_host_gets_nothing(served: Served, host: str) -> None:
    host = host.format(port=served.port)
    headers = {"Host": host, **served.cookie}
    assert (await get(served, f"/?key={served.server.session.key}", **headers))[0] == 421
    socket = {**headers, "Origin": f"http://{host}"}
    assert await refused_socket(served, served.socket_url, socket) == 421
    await served.works()


async def test_a_request_without_a_host_gets_nothing(served: Served) -> None:
    answer = await served.asked(f"GET /?key={served.server.session.key} HTTP/1.0")
    assert b" 421 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_pages_script_image_or_frame_gets_nothing(served: Served, site: str) -> None:
    for mode, dest in (("no-cors", "script"), ("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest, **served.cookie}
        assert (await get(served, "/", **headers))[0] == 403
        assert (await get(served, "/parts/call.js", **headers))[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
async def test_nothing_can_be_changed_by_a_request(served: Served, method: str) -> None:
    host, cookie = f"Host: 127.0.0.1:{served.port}", f"Cookie: {served.cookie['Cookie']}"
    answer = await served.asked(f"{method} / HTTP/1.1", host, cookie)
    assert answer.split(b" ", 2)[1] in (b"405", b"400", b"404")
    assert b"Access-Control-Allow" not in answer
    await served.works()


# Other users of the machine.


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_users_process_is_refused_though_it_knows_the_key(served: Served) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    request = (
        f"GET /?key={served.server.session.key} HTTP/1.1\\r\\nHost: 127.0.0.1:{served.port}\\r\\n"
        f"Cookie: {served.cookie['Cookie']}\\r\\nConnection: close\\r\\n\\r\\n"
    )
    script = f"exec 3<>/dev/tcp/127.0.0.1/{served.port}; printf '{request}' >&3; cat <&3"

    async def asked(**who: Any) -> bytes:
        process = await asyncio.create_subprocess_exec(
            bash, "-c", script, stdout=asyncio.subprocess.PIPE, cwd="/", **who
        )
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate()
        return answer

    assert (await asked()).startswith(b"HTTP/1.1 200 ")
    refused = await asked(user=NOBODY, group=NOBODY, extra_groups=[])
    assert refused.startswith(b"HTTP/1.1 403 ")
    assert b"another user" in refused
    assert b"Set-Cookie" not in refused
    with_ticket = ticket(served)
    script = script.replace(f"/?key={served.server.session.key}", with_ticket)
    assert b"another user" in await asked(user=NOBODY, group=NOBODY, extra_groups=[])
    assert (await led(served, with_ticket))[0] == 303, "and they haven't used it up"


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
async def test_a_malformed_or_oversized_request_ends_itself_only(served: Served, request_bytes: bytes) -> None:
    answer = await served.raw(request_bytes)
    assert not answer or answer.split(b" ", 2)[1][:1] == b"4"
    await served.works()


async def test_a_hundred_connections_that_say_nothing_keep_nobody_out(served: Served) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(100)]
    try:
        await served.works()
    finally:
        for _, writer in idle:
            writer.close()


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


async def test_a_binary_message_ends_that_page_only(served: Served) -> None:
    async with served.page() as sock:
        await sock.send_bytes(b'{"type": "hang-up", "call": 1}')
        assert await closed_with(served, sock) == aiohttp.WSCloseCode.UNSUPPORTED_DATA
    await served.works()


async def test_broken_frames_end_that_page_only(served: Served) -> None:
    headers = "".join(f"{name}: {text}\r\n" for name, text in served.socket_headers().items())
    request = (
        f"GET /socket?key={served.server.session.key} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{headers}"
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


async def test_the_log_has_neither_key_nor_cookie(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await get(served, f"/?key={served.server.session.key}")
    await get(served, "/?key=wrong")
    used = ticket(served)
    await get(served, used)
    await get(served, used)
    await served.works()
    assert used.partition("=")[2] not in caplog.text
    assert served.server.session.key not in caplog.text
    assert served.server.session.cookie not in caplog.text
