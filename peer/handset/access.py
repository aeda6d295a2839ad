"""Who may talk to the handset's server. Pure: what a request says goes in, a refusal or nothing comes out.

A loopback port can be reached by every web page that the owner visits and by every user of the machine. So a request
has to name us as its host (against DNS rebinding), may come from no other origin, and has to show the session's cookie.
The WebSocket, through which everything passes that is worth guarding, also wants the key that stood in the address
that was opened: browsers send cookies to all ports of a host, but give one port's storage to no other. Where others can
read the address, a ticket stands in it in the key's place, see tickets.py.
"""

from __future__ import annotations

import hmac
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address

HOST = "127.0.0.1"
"The only address that is listened on, and how it stands in the addresses that we print."

HOSTS = (HOST, "localhost")
"Names of ours that no other machine's name server can give away (RFC 6761, section 6.3)."

KEY_BYTES = 32

MAX_COOKIE = 4096
"Characters of a Cookie header that are read."


class Refused(Exception):
    """A request is refused."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        "An HTTP status."

        self.sentence = sentence
        "Shown to whoever asked."


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the server."""

    port: int
    key: str = field(default_factory=lambda: secrets.token_urlsafe(KEY_BYTES), repr=False)
    "Stands in the address that the owner opens."

    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(KEY_BYTES), repr=False)
    "What a browser that has opened that address is known by."

    @property
    def cookie_name(self) -> str:
        """Cookies don't know ports, so two programs on one machine need two names."""
        return f"copybara-{self.port}"

    @property
    def address(self) -> str:
        """What the owner opens."""
        return f"http://{HOST}:{self.port}{self.entrance}"

    @property
    def entrance(self) -> str:
        """The same without the host: where a ticket leads."""
        return f"/?key={self.key}"

    def address_with(self, ticket: str) -> str:
        """What the owner opens where others can read it."""
        return f"http://{HOST}:{self.port}/?ticket={ticket}"

    def set_cookie(self) -> str:
        """The value of a Set-Cookie header: unseen by scripts, and never sent along by other sites' requests.

        Lax and not Strict: a link to the page in a web messenger is to open it.
        """
        return f"{self.cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Lax"

    def origins(self) -> tuple[str, ...]:
        """Where scripts of ours come from."""
        return tuple(f"http://{host}:{self.port}" for host in HOSTS)


def check_host(session: Session, host: str | None) -> None:
    """Refuse a request whose Host isn't ours: a page of a name that was made to lead here (DNS rebinding)."""
    if host not in [f"{name}:{session.port}" for name in HOSTS]:
        raise Refused(421, f"This server answers to {HOST}:{session.port} only.")


def check_fetch(session: Session, headers: Mapping[str, str], *, document: bool) -> None:
    """Refuse what another page makes the browser ask for (Origin, RFC 6454; Fetch Metadata, W3C).

    With `document` a link on another page may lead here, as long as it opens in a window of its own.
    """
    origin = headers.get("Origin")
    if origin is not None and origin not in session.origins():
        raise Refused(403, "Another site's page asked for this.")
    site = headers.get("Sec-Fetch-Site", "none")
    if site in ("none", "same-origin"):
        return
    if not document or headers.get("Sec-Fetch-Mode") != "navigate" or headers.get("Sec-Fetch-Dest") != "document":
        raise Refused(403, "Another site's page asked for this.")


def check_socket_origin(session: Session, host: str | None, origin: str | None) -> None:
    """Refuse a WebSocket that wasn't opened by a page of this server: browsers connect them across origins freely."""
    if origin is None or origin != f"http://{host}" or origin not in session.origins():
        raise Refused(403, "Only the handset page may connect.")


def check_cookie(session: Session, header: str | None) -> None:
    """Refuse a request without the session's cookie."""
    if not any(same(session.cookie, given) for given in _cookies(header, session.cookie_name)):
        raise Refused(
            403,
            "Open the address that `copybara run` printed, or that `copybara status --json` shows: it has the key in "
            "it, and each run has its own.",
        )


def check_key(session: Session, key: str | None) -> None:
    """Refuse a request without the key."""
    if key is None or not same(session.key, key):
        raise Refused(403, "That isn't the key of this run. Open the address that `copybara run` printed.")


def check_meant(headers: Mapping[str, str]) -> None:
    """Refuse what a browser asks for ahead of time (Sec-Purpose, Fetch Standard, and its forerunners).

    Nobody has tapped anything yet, so a ticket isn't to be used up for it. The browser asks again when it is meant.
    """
    purposes = [headers.get(name, "").lower() for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")]
    if any(word in purpose for purpose in purposes for word in ("prefetch", "prerender", "preview")):
        raise Refused(503, "Not ahead of time. Open it again.")


def check_ticket(session: Session, taken: bool, cookie: str | None) -> None:
    """Refuse a ticket that isn't good any more, unless the browser has the session's cookie and needs none."""
    try:
        if not taken:
            check_cookie(session, cookie)
    except Refused:
        raise Refused(
            403,
            "That button is used up or too old: each opens the handset once, within an hour, while the same "
            "`copybara run` goes on. Write /handset to your bot for a new one, or open the address that "
            "`copybara run` printed.",
        ) from None


def same(secret: str, given: str) -> bool:
    """Whether the two are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogatepass"))


def response_headers(session: Session) -> dict[str, str]:
    """What goes with every answer: the page may load what this server has and nothing else, and nobody may frame it."""
    sockets = " ".join(f"ws://{host}:{session.port}" for host in HOSTS)
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "connect-src": f"'self' {sockets}",
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


def socket_owner(tables: Iterable[str], client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The uid of the process at the other end of a loopback connection, from the text of /proc/net/tcp and tcp6.

    None if it isn't listed (any more). See proc_pid_net(5): the address is in the byte order of the machine.
    """
    wanted = {(_proc_address(*client, mapped), _proc_address(*server, mapped)) for mapped in (False, True)}
    for table in tables:
        for line in table.splitlines()[1:]:
            columns = line.split()
            if len(columns) > 7 and (columns[1], columns[2]) in wanted and columns[7].isdigit():
                return int(columns[7])
    return None


def _proc_address(host: str, port: int, mapped: bool) -> str:
    number = int.from_bytes(IPv4Address(host).packed, sys.byteorder)
    prefix = int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    return f"{'0' * 16}{prefix:08X}{number:08X}:{port:04X}" if mapped else f"{number:08X}:{port:04X}"


def _cookies(header: str | None, name: str) -> list[str]:
    """All values of a cookie: a browser sends two when another port's server has set one for another path."""
    if header is None or len(header) > MAX_COOKIE:
        return []
    values = []
    for part in header.split(";"):
        try:
            morsel = SimpleCookie(part.strip()).get(name)
        except CookieError:
            continue
        if morsel is not None:
            values.append(morsel.value)
    return values
