"""The page for the owner's other devices: at one of our addresses, and only for theirs.

A device shows three things. First, its address. In the overlay, that follows from its node's key. In the local network
it proves nothing, and only hides the server from others. Second, its cookie, which no script can read (HttpOnly) and no
other site can send (SameSite). Third, it proves its key, as every page does (peer/handset/proof.py). The browser keeps
the key where no script can read it. All else is as on loopback, see peer/handset/page_server.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
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
from peer.overlay.addresses import as_kernel_writes
from shared.errors import StoreError
from shared.paired_device import PairedDevice
from shared.rate import Bucket, Limit

logger = logging.getLogger(__name__)

COOKIE = "__Host-device"
"Browsers accept a cookie with such a name only over TLS, for this host alone (RFC 6265bis, 4.1.3.2)."

COOKIE_BYTES = 32

COOKIE_SECONDS = 400 * 24 * 3600
"The longest lifetime that browsers allow. Each visit renews the cookie."

AUTHORITY_FILE = "/authority.crt"
APPLE_FILE = "/authority.mobileconfig"
"The authority's file for Android and computers, and the one for an iPhone or iPad."

CONNECTIONS = Limit(at_once=40, per_second=2)
"The limit for new connections of one address."

STRANGERS = Limit(at_once=20, per_second=5)
"""The limit for new connections of all addresses that aren't a device's, while a device is added without its address.
An attacker in the overlay has any number of addresses, and each handshake takes a millisecond of the event loop."""

MOST_RATED = 64
"How many addresses have their connections counted. The one that was quiet longest is dropped."


class KnownDevices(Protocol):
    """The owner's devices, and the one that is being added."""

    @property
    def pairing(self) -> DevicePairing | None:
        """The open pairing."""

    def device_at(self, address: Address) -> PairedDevice | None:
        """The device with that address."""

    def visits(self, pairing: DevicePairing, visitor: Visitor) -> None:
        """Note that a device shows a code and waits for the owner."""

    def left(self, pairing: DevicePairing) -> None:
        """Note that the waiting device has gone, or was refused."""

    async def seen(self, device: PairedDevice) -> None:
        """Note that a device has opened or left its page. Raises StoreError."""


class DeviceServer(PageServer):
    """Admits devices by their keys, and one new device by the pairing's secret."""

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
        """`own` is our address there, and `interface` its network device."""
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
        """At once end everything from an address: pages, their sound and picture, and connections."""
        self._pages.end_device(str(address))
        self._limits.turn_out(as_kernel_writes(address))

    def _tls(self) -> ssl.SSLContext | None:
        return self._context

    def _admits(self, client: Client) -> bool:
        """Check the address again: the kernel may have admitted it while the list changed."""
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
            # A device may come without its cookie, for example from a link on another page. Then it keeps the cookie
            # that it has.
            given = request.cookies.get(COOKIE)
            if device is None:
                _give(response, given if given and len(given) >= COOKIE_BYTES else secrets.token_urlsafe(COOKIE_BYTES))
            elif given is not None and _fits(given, device):
                _give(response, given)
        return response

    async def _left(self, page: Page) -> None:
        device = self._book.device_at(ip_address(page.address))
        if device is not None:
            await self._note_seen(device)

    async def _note_seen(self, device: PairedDevice) -> None:
        try:
            await self._book.seen(device)
        except StoreError as error:
            # The owner reads there when each device was last seen: no reason to turn one away.
            logger.warning("when a device was here can't be kept: %s", error.sentence)

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
            if device is None or device.key != proven.secret:  # the device was removed meanwhile
                return None
            await self._note_seen(device)
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
        """Show the code, and wait until the owner has decided or the page is gone."""
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
    """The address from which a request came."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if peer is None:
        raise RequestRefused(400, "The connection has gone.")
    return ip_address(peer[0])


def _fits(cookie: str, device: PairedDevice) -> bool:
    return hmac.compare_digest(sha256(cookie.encode("utf-8", "surrogateescape")).digest(), device.cookie)


def _give(response: web.StreamResponse, cookie: str) -> None:
    response.set_cookie(COOKIE, cookie, max_age=COOKIE_SECONDS, path="/", secure=True, httponly=True, samesite="Strict")
