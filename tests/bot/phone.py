"""A phone without a browser: it connects to a running copybara from its own address, with the page's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peer.handset.devices.server import COOKIE
from peer.handset.proof import NONCE_BYTES, PAGE, SERVER, WRAP_LABEL, Meeting, proof_key
from shared.hkdf import hkdf
from tests.bot.console import SECONDS
from tests.peer.handset.knocking import encoded, origin_of


def trusting(authority: bytes) -> ssl.SSLContext:
    """The TLS context of a phone that has only this authority installed, in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    return context


class Phone:
    """One phone: its overlay address, its cookies and, once it is a device, its key."""

    def __init__(self, at: str, address: str, trusts: ssl.SSLContext) -> None:
        """`at` is its own address. `address` is the content of the QR code."""
        self.origin = origin_of(address)
        self.host = self.origin.removeprefix("https://")
        self.secret = urlsplit(address).fragment.removeprefix("pair=").encode()
        self.key = b""
        self.cookies: dict[str, str] = {}
        self._at = at
        self.trusts = trusts

    @contextlib.asynccontextmanager
    async def http(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A browser's connections, with this phone's cookies."""
        connector = aiohttp.TCPConnector(local_addr=(self._at, 0), ssl=self.trusts)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as http:
            yield http

    async def get(self, path: str = "/") -> tuple[int, bytes]:
        """Load a file, and store its cookie."""
        async with self.http() as http, http.get(f"{self.origin}{path}", headers=self._headers()) as answer:
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
                assert morsel["httponly"]
                assert morsel["secure"]
                assert morsel["samesite"] == "Strict"
                assert morsel["path"] == "/"
            return answer.status, await answer.read()

    @contextlib.asynccontextmanager
    async def socket(self, **changed: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The page's WebSocket, with changed headers if they are given."""
        headers = {**self._headers(), "Origin": self.origin, **changed}
        async with self.http() as http, http.ws_connect(f"{self.origin}/socket", headers=headers) as sock:
            yield sock

    @contextlib.asynccontextmanager
    async def pairing(self) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Meeting, dict[str, Any] | None]]:
        """Open the address in the QR code, and prove its secret. The last value is the next message. None: refused."""
        await self.get("/")
        async with self.socket() as sock:
            meeting, first = await self.prove(sock, "pairing", self.secret, proof_key(self.secret))
            yield sock, meeting, first

    async def becomes_a_device(self, sock: aiohttp.ClientWebSocketResponse, meeting: Meeting) -> dict[str, Any]:
        """Take the key after the owner has confirmed. Returns Hello."""
        wrapped = await self.next(sock)
        assert wrapped["type"] == "home-key"
        key = hkdf(self.secret, salt=meeting.page_nonce + meeting.server_nonce, info=WRAP_LABEL)
        self.key = AESGCM(key).decrypt(bytes(12), b64decode(wrapped["key"]), None)
        return await self.next(sock)

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, dict[str, Any] | None]]:
        """Its page, opened again. The last value is Hello. None: refused."""
        async with self.socket() as sock:
            _, first = await self.prove(sock, "home", self.key, self.key)
            yield sock, first

    async def prove(
        self, sock: aiohttp.ClientWebSocketResponse, kind: str, secret: bytes, key: bytes
    ) -> tuple[Meeting, dict[str, Any] | None]:
        """Prove a key in both directions."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        await sock.send_json({"type": "prove", "key": kind, "nonce": encoded(nonce)})
        answer = await sock.receive(SECONDS)
        if answer.type is not aiohttp.WSMsgType.TEXT:
            return Meeting(self.host, nonce, b""), None
        proof = answer.json()
        meeting = Meeting(self.host, nonce, b64decode(proof["nonce"]))
        assert meeting.proven(key, SERVER, b64decode(proof["proof"])), "the server doesn't know the key"
        await sock.send_json({"type": "page-proof", "proof": encoded(meeting.proof(key, PAGE))})
        first = await sock.receive(SECONDS)
        return meeting, dict(first.json()) if first.type is aiohttp.WSMsgType.TEXT else None

    async def next(self, sock: aiohttp.ClientWebSocketResponse, *kinds: str) -> dict[str, Any]:
        """The next message of one of these kinds."""
        async with asyncio.timeout(SECONDS):
            while True:
                message = dict(await sock.receive_json())
                if not kinds or message["type"] in kinds:
                    return message

    async def until_closed(self, sock: aiohttp.ClientWebSocketResponse) -> int | None:
        """Wait for the end of the socket. Returns its code, or None if the connection just ended."""
        async with asyncio.timeout(SECONDS):
            while (await sock.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return sock.close_code

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookies} if cookies else {}


def has_cookie(phone: Phone) -> bool:
    """Whether it has got a cookie."""
    return COOKIE in phone.cookies
