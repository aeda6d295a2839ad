"""The page for the owner's other devices: at one of our addresses, and for theirs alone.

A device shows three things. It comes from its address. In the overlay that is made of its node's key; in the home's own
network it is no proof, and only keeps the server out of others' sight. It brings its cookie, which no script sees
(HttpOnly) and no other site can send (SameSite). And it proves its key, as every page does (peer/handset/proof.py),
which the browser keeps where no script reads it. Everything else is as on loopback, see peer/handset/page_server.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import socket
import ssl
from collections import OrderedDict
from collections.abc import Awaitable
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from peer.handset.access import PageSession, RequestRefused
from peer.handset.connection_limits import Client
from peer.handset.devices.apple_profile import apple_profile
from peer.handset.devices.authority import Authority
from peer.handset.devices.device_socket import DeviceSocket
from peer.handset.devices.pairing import DevicePairing, Visitor
from peer.handset.page import Page, Pages
from peer.handset.page_server import STATIC, Handler, PageListener, PageServer, Proven
from peer.handset.proof import proof_key
from peer.handset.protocol import HomeKey, PairingCode, Prove, encode
from peer.overlay import Address
from shared.errors import StoreError
from shared.paired_device import PairedDevice
from shared.rate import Bucket, Limit

COOKIE = "__Host-device"
"Browsers take a cookie of such a name only over TLS, for this host alone (RFC 6265bis, 4.1.3.2)."

COOKIE_BYTES = 32

COOKIE_SECONDS = 400 * 24 * 3600
"The longest that browsers keep one. It begins again with every visit."

AUTHORITY_FILE = "/authority.crt"
APPLE_FILE = "/authority.mobileconfig"
"The same for Android and computers, and for an iPhone or iPad."

CONNECTIONS = Limit(at_once=40, per_second=2)
"Of one address."

STRANGERS = Limit(at_once=20, per_second=5)
"""Of all addresses that are no device's, while one is added without its address: an attacker in the overlay has as many
addresses as they want, and each handshake takes a millisecond of the event loop."""

MOST_RATED = 64
"Addresses whose connections are counted; the one that has been quiet for longest gives way."


class KnownDevices(Protocol):
    """The devices that there are, and the one to be added."""

    @property
    def pairing(self) -> DevicePairing | None:
        """What is open now."""

    def device_at(self, address: Address) -> PairedDevice | None:
        """The device of that address."""

    def visits(self, pairing: DevicePairing, visitor: Visitor) -> None:
        """A device shows a code and waits for the owner."""

    def left(self, pairing: DevicePairing) -> None:
        """It has gone again, or was refused."""

    async def seen(self, device: PairedDevice) -> None:
        """A device has opened or left its page. Raises StoreError."""


class DeviceServer(PageServer):
    """Lets in devices by their keys, and one to be added by the pairing's secret."""

    def __init__(
        self,
        pages: Pages,
        listener: PageListener,
        listening: socket.socket,
        tls: ssl.SSLContext,
        book: KnownDevices,
        *,
        own: Address,
        interface: str | None,
        authority: Authority,
        static: Path = STATIC,
    ) -> None:
        """`own` is our address there, and `interface` the network device that has it."""
        host = f"[{own}]" if own.version == 6 else str(own)
        session = PageSession(listening.getsockname()[1], host=host, secure=True)
        super().__init__(pages, listener, listening, session, static)
        self._context = tls
        self._book = book
        self._own = own
        self._interface = interface
        self._authority = authority
        self._strangers = Bucket(STRANGERS)
        self._rates: OrderedDict[Address, Bucket] = OrderedDict()

    def end(self, address: Address) -> None:
        """End everything that comes from an address, at once: pages, their sound and picture, and connections."""
        self._pages.end_device(str(address))
        self._limits.turn_out(_as_kernel_writes(address))

    def _tls(self) -> ssl.SSLContext | None:
        return self._context

    def _admits(self, client: Client) -> bool:
        """The kernel has dropped everybody else already; it may have let one in while the list changed."""
        address = ip_address(client[0])
        pairing = self._book.pairing
        now = asyncio.get_running_loop().time()
        if self._book.device_at(address) is None:
            if pairing is None or not pairing.admits(address):
                return False
            if pairing.expected is None and pairing.visitor is None and not self._strangers.takes(now):
                return False
        bucket = self._rates.setdefault(address, Bucket(CONNECTIONS))
        self._rates.move_to_end(address)
        if len(self._rates) > MOST_RATED:
            self._rates.popitem(last=False)
        return bucket.takes(now)

    def _stop(self) -> None:
        self._pages.stop(self)

    async def _served(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        address = _from(request)
        device = self._book.device_at(address)
        pairing = self._book.pairing
        if device is None and (pairing is None or not pairing.admits(address)):
            raise RequestRefused(403, "This isn't one of its owner's devices.")
        if request.path == AUTHORITY_FILE:
            return web.Response(body=self._authority.to_install(), content_type="application/x-x509-ca-cert")
        if request.path == APPLE_FILE:
            return web.Response(body=apple_profile(self._authority), content_type="application/x-apple-aspen-config")
        response = await handler(request)
        if request.path == "/":
            # A device that comes without its cookie, as from a link on another page, keeps the one it has.
            given = request.cookies.get(COOKIE)
            if device is None:
                _give(response, given if given and len(given) >= COOKIE_BYTES else secrets.token_urlsafe(COOKIE_BYTES))
            elif given is not None and _fits(given, device):
                _give(response, given)
        return response

    async def _left(self, page: Page) -> None:
        device = self._book.device_at(ip_address(page.address))
        if device is not None:
            with contextlib.suppress(StoreError):
                await self._book.seen(device)

    def _key_named(self, asked: Prove, request: web.Request) -> tuple[bytes, bytes] | None:
        address = _from(request)
        match asked.key:
            case "home":
                device = self._book.device_at(address)
                if device is None or not _fits(request.cookies.get(COOKIE, ""), device):
                    return None
                return device.key, device.key
            case "pairing":
                pairing = self._book.pairing
                if pairing is None or not pairing.admits(address) or not request.cookies.get(COOKIE):
                    return None
                secret = pairing.secret.encode()
                return proof_key(secret), secret
            case _:
                return None

    async def _let_in(self, sock: web.WebSocketResponse, request: web.Request, proven: Proven) -> Page | None:
        address = _from(request)
        if proven.asked.key == "home":
            device = self._book.device_at(address)
            if device is None or device.key != proven.secret:  # removed meanwhile
                return None
            with contextlib.suppress(StoreError):
                await self._book.seen(device)
            return self._page_of(device, address, proven.asked)
        pairing = self._book.pairing
        if pairing is None or pairing.secret.encode() != proven.secret:
            return None
        cookie = sha256(request.cookies[COOKIE].encode()).digest()
        visitor = pairing.welcome(address, cookie, proven.meeting)
        if visitor is None:
            return None
        self._stays(request)
        try:
            device = await self._confirmed(sock, pairing, visitor)
        finally:
            pairing.leave(visitor)
            self._book.left(pairing)
        if device is None:
            return None
        page = self._page_of(device, address, proven.asked)
        page.send(HomeKey(key=proven.meeting.wrapped(proven.secret, device.key)))
        return page

    async def _confirmed(
        self, sock: web.WebSocketResponse, pairing: DevicePairing, visitor: Visitor
    ) -> PairedDevice | None:
        """Show the code, and wait until the owner has decided, or the page has gone."""
        code = PairingCode(name=pairing.name, code=visitor.code)
        with contextlib.suppress(ConnectionError):
            await sock.send_str(encode(code))
        self._book.visits(pairing, visitor)
        gone = asyncio.ensure_future(sock.receive())
        try:
            left = max(0.0, pairing.seconds_left)
            either: set[asyncio.Future[Any]] = {gone, visitor.decided}
            await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            await asyncio.wait({gone})
        return visitor.decided.result() if visitor.decided.done() else None

    def _page_of(self, device: PairedDevice, address: Address, asked: Prove) -> Page:
        own, interface = self._own, self._interface

        def open_socket() -> Awaitable[DeviceSocket]:
            return DeviceSocket.open(own, address, interface=interface)

        return Page(device.name, str(address), open_socket, server=self, tab=asked.tab, takes=asked.takes)


def _from(request: web.Request) -> Address:
    """Where a request comes from."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if peer is None:
        raise RequestRefused(400, "The connection has gone.")
    return ip_address(peer[0])


def _fits(cookie: str, device: PairedDevice) -> bool:
    return hmac.compare_digest(sha256(cookie.encode("utf-8", "surrogateescape")).digest(), device.cookie)


def _give(response: web.StreamResponse, cookie: str) -> None:
    response.set_cookie(COOKIE, cookie, max_age=COOKIE_SECONDS, path="/", secure=True, httponly=True, samesite="Strict")


def _as_kernel_writes(address: Address) -> str:
    return socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, address.packed)
