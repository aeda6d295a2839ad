"""Which requests the page's server answers. Pure: a request goes in, and a refusal or nothing comes out.

Every web page that the owner visits can send requests to a loopback port. So a request must have our host in its Host
header (against DNS rebinding), and must not come from another origin. connection_limits.py has already checked which
process is at the other end. The files are no secret. The WebSocket, which carries everything that is secret, begins
with a proof in both directions, see proof.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "127.0.0.1"
"""The page's host for the browser, as we print it in addresses.

`localhost` isn't served: browsers try ::1 first, where another user of this machine may listen.
"""

KEY_BYTES = 32


class RequestRefused(Exception):
    """A request is refused."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        "An HTTP status."

        self.sentence = sentence
        "Shown to the client."


@dataclass(frozen=True, slots=True)
class PageSession:
    """One run of the server."""

    port: int
    key: str = field(default_factory=lambda: secrets.token_urlsafe(KEY_BYTES), repr=False)
    "The secret in the address that the owner opens, 43 characters of base64url."

    host: str = HOST
    "The host in the form of addresses: IPv6 has brackets."

    secure: bool = False
    "Whether it is served over TLS."

    @property
    def authority(self) -> str:
        """Host and port, as requests must name them."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of our scripts."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    @property
    def address(self) -> str:
        """The address for the owner. The key is in the fragment, which browsers send to nobody."""
        return f"{self.origin}/#key={self.key}"

    def address_with(self, ticket: str) -> str:
        """The address with a ticket, for places that others can read."""
        return f"{self.origin}/#ticket={ticket}"


def check_host(session: PageSession, host: str | None) -> None:
    """Refuse a request whose Host isn't ours: it comes from a page whose name was pointed at us (DNS rebinding)."""
    if host != session.authority:
        raise RequestRefused(421, f"This server answers to {session.authority} only.")


def check_fetch(session: PageSession, headers: Mapping[str, str], *, document: bool) -> None:
    """Refuse requests that another page causes (Origin, RFC 6454; Fetch Metadata, W3C).

    With `document`, a link on another page is allowed if it opens in its own window.
    """
    origin = headers.get("Origin")
    if origin is not None and origin != session.origin:
        raise RequestRefused(403, "Another site's page asked for this.")
    site = headers.get("Sec-Fetch-Site", "none")
    if site in ("none", "same-origin"):
        return
    if not document or headers.get("Sec-Fetch-Mode") != "navigate" or headers.get("Sec-Fetch-Dest") != "document":
        raise RequestRefused(403, "Another site's page asked for this.")


def check_socket_origin(session: PageSession, host: str | None, origin: str | None) -> None:
    """Refuse a WebSocket that another page has opened, because browsers connect them across origins."""
    if origin != session.origin or host != session.authority:
        raise RequestRefused(403, "Only the handset page may connect.")


def response_headers(session: PageSession) -> dict[str, str]:
    """Headers of every response: the page may load only from this server, and nobody may frame it."""
    # A policy can't name an IPv6 address. Over TLS, 'self' covers the socket too (CSP 3, 6.7.2.8).
    sockets = "" if session.secure else f" ws://{session.authority}"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "connect-src": f"'self'{sockets}",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": (
            "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), fullscreen=(self), "
            "autoplay=(self), geolocation=(), payment=(), usb=(), serial=()"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
