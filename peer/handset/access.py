"""Which requests a server of the page answers. Pure: what a request says goes in, a refusal or nothing comes out.

Every web page that the owner visits can send requests to a loopback port. So a request has to name us as its host
(against DNS rebinding) and may come from no other origin. Whose process is at the other end is checked before, by
connection_limits.py. The files are no secret; the WebSocket, through which everything passes that is worth guarding,
begins with a proof in both directions, see proof.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "127.0.0.1"
"""Where the page is for a browser, and how that is written in the addresses that we print.

`localhost` isn't served: browsers look for it at ::1 first, where another user of this machine may listen."""

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
    "Stands in the address that the owner opens, 43 characters of base64url."

    host: str = HOST
    "As addresses have it: IPv6 in brackets."

    secure: bool = False
    "Whether it is served over TLS."

    @property
    def authority(self) -> str:
        """Host and port, as requests have to name them."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Where our scripts come from."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    @property
    def address(self) -> str:
        """What the owner opens. The key is in the fragment, which browsers send to nobody."""
        return f"{self.origin}/#key={self.key}"

    def address_with(self, ticket: str) -> str:
        """What the owner opens where others can read it."""
        return f"{self.origin}/#ticket={ticket}"


def check_host(session: PageSession, host: str | None) -> None:
    """Refuse a request whose Host isn't ours: a page of a name that was made to lead here (DNS rebinding)."""
    if host != session.authority:
        raise RequestRefused(421, f"This server answers to {session.authority} only.")


def check_fetch(session: PageSession, headers: Mapping[str, str], *, document: bool) -> None:
    """Refuse what another page makes the browser ask for (Origin, RFC 6454; Fetch Metadata, W3C).

    With `document` a link on another page may lead here, as long as it opens in a window of its own.
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
    """Refuse a WebSocket that wasn't opened by a page of this server: browsers connect them across origins freely."""
    if origin != session.origin or host != session.authority:
        raise RequestRefused(403, "Only the handset page may connect.")


def response_headers(session: PageSession) -> dict[str, str]:
    """What goes with every answer: the page may load what this server has and nothing else, and nobody may frame it."""
    # A policy can't name an IPv6 address; over TLS 'self' covers the socket too (CSP 3, 6.7.2.8).
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
