"""Checks the peers of a Yggdrasil node. A peer is a URI that the node dials, with the peer's key if it is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from shared.errors import InputError

MOST = 16
"How many peers are accepted at once. Two or three are enough."

MAX_LENGTH = 512

_PEER = re.compile(
    r"(?:tcp|tls|quic|ws|wss)://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}(?:/[A-Za-z0-9._/-]*)?"
    r"(?:\?[A-Za-z0-9=&.,_%-]+)?"
)
_KEY = re.compile(r"[?&]key=([^&]*)")
_IN_BRACKETS = re.compile(r"://\[([^]]*)\]")

_OWN_NETWORKS = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
            *("fc00::/7", "fe80::/10", "::1/128"),
        ),
    )
)
"Addresses that mean something else in another network: RFC 1918, 4193, 6598, link-local and loopback."

_OWN_NAMES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"Endings of names that only the local network knows. It is also the only one to know names without a dot."


def addresses_in(peers: Iterable[str]) -> list[str]:
    """The internet address or name of each peer, as in its line."""
    return list(dict.fromkeys(urlsplit(peer).hostname or "" for peer in peers))


def has_password(peer: str) -> bool:
    """Whether a peer's line contains the password that the peer requires."""
    return re.search(r"[?&]password=", peer) is not None


def is_only_here(peer: str) -> bool:
    """Whether a peer's address means something else on another computer: loopback, or a link-local address."""
    try:
        host = urlsplit(peer).hostname or ""
        if host == "localhost":
            return True
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local or address.is_unspecified


def in_own_network(peers: Iterable[str]) -> list[str]:
    """The addresses of these peers that lead nowhere or elsewhere from another network."""
    return [address for address in addresses_in(peers) if _is_own(address)]


def _is_own(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.endswith(_OWN_NAMES)
    return any(address in network for network in _OWN_NETWORKS)


def peers_in(text: str) -> list[str]:
    """The peers in a pasted line, separated by spaces or commas. Raises InputError for an invalid one.

    The line may be a whole command, as in a friend's invitation. Then the part after its --peers counts.
    """
    given = re.split(r"--peers[=\s]", text)[-1]
    found = [peer for each in re.split(r"[\s,]+", given) if (peer := each.strip("\"'`“”"))]
    check(found)
    return found


def check(peers: Sequence[str]) -> None:
    """Raise InputError if a peer is invalid."""
    if len(peers) > MOST:
        raise InputError(f"{len(peers)} peers are too many.", f"Give up to {MOST}; two or three are enough.")
    for peer in peers:
        keys = _KEY.findall(peer)
        bad_key = any(re.fullmatch("[0-9a-f]{64}", key) is None for key in keys)
        port = re.search(r":([0-9]{1,9})(?:[/?]|$)", peer.partition("://")[2].rpartition("]")[2])
        if port and not 0 < int(port[1]) < 65536:
            raise InputError(f"“{peer[:80]}” has the port {port[1]}.", "A peer's port is a number from 1 to 65535.")
        bad = bad_key or not port or _names_no_address(peer)
        if len(peer) > MAX_LENGTH or not _PEER.fullmatch(peer) or bad:
            raise InputError(
                f"“{peer[:80]}” isn't a Yggdrasil peer.",
                "One looks like tls://HOST:PORT or tls://HOST:PORT?key=KEY; tcp, quic, ws and wss work too.",
            )


def _names_no_address(peer: str) -> bool:
    """Whether the text in brackets isn't an IPv6 address. Some versions of Python refuse that in urlsplit."""
    host = _IN_BRACKETS.search(peer)
    try:
        return host is not None and ip_address(host[1]).version != 6
    except ValueError:
        return True
