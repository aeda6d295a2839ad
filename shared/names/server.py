"""The address of a JSON-RPC server, and the way to it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from shared.errors import ServerFault
from shared.in_thread import in_thread

SCHEMES = {"ws": 80, "http": 80, "wss": 443, "https": 443}
"The schemes with their usual ports."

YGGDRASIL = ip_network("200::/7")
"The addresses of its nodes, each computed from a key. IANA calls them global, and no router on the internet has them."

LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
"Leads to an IPv4 address inside, mostly on the internet (RFC 8215). Python 3.13 calls these addresses private."


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server."""

    url: str
    parts: SplitResult

    @classmethod
    def parse(cls, url: str) -> Server:
        """Read an address such as `wss://ws.azero.dev`. Raises ValueError if it is invalid or not allowed.

        Without TLS anybody on the way could answer instead of the server. So `ws` and `http` are only for this machine
        and for private addresses, which are in a local network or an overlay.
        """
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("not an address")
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname or parts.port == 0 or "@" in parts.netloc or "#" in url:
            raise ValueError("not an address")
        if parts.scheme in ("ws", "http") and not is_near(parts.hostname):
            raise ValueError("not private")
        return cls(url, parts)

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        return self.parts.port or SCHEMES[self.parts.scheme]

    @property
    def tls(self) -> bool:
        return self.parts.scheme in ("wss", "https")

    @property
    def shown(self) -> str:
        """The host for people, and the port if it isn't the usual one. A path may contain a key and is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.parts.scheme] else f"{host}:{self.port}"


async def addresses_of(server: Server) -> list[str]:
    """The IP addresses of the server's host, the best first. Raises ServerFault if it has none."""
    host, port = server.host, server.port
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    if _is_literal(host):
        return [host]
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise ServerFault(f"The host {server.shown} isn't known.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def tls_of(server: Server) -> ssl.SSLContext | None:
    """The TLS context that verifies the server's certificate. None for a server without TLS."""
    # Loading all authorities takes a while, and calls must go on meanwhile.
    return await in_thread(ssl.create_default_context) if server.tls else None


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_near(host: str) -> bool:
    """Whether a host is in a network of one's own, where a password or a question may be sent unencrypted.

    That is this machine, a private network, which may be an overlay's, and Yggdrasil, which encrypts what it carries.
    An IPv6 address with an IPv4 address inside leads where that one does.
    """
    if not _is_literal(host):
        return host == "localhost"
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        if address.teredo is not None or address in LOCAL_NAT64:
            return False
        address = address.ipv4_mapped or address.sixtofour or address
    return address in YGGDRASIL or not address.is_global
