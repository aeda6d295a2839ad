"""Candidates of a foreign description: everything but the other node's own overlay address is dropped.

Addresses are compared as addresses, never as text (10.83.0.1 is not a part of 10.83.0.10), and an IPv4 address mapped
into IPv6 is the IPv4 address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from peer.overlay import Address

MAX_PORTS = 8
"Ports that are tried. A browser lists one for each of its sections at the most."

RTP_COMPONENT = 1

_CANDIDATE = re.compile(
    r"(?:a=)?candidate:\S{1,64} (?P<component>[0-9]{1,3}) (?P<transport>\S{1,16}) [0-9]{1,10} "
    r"(?P<address>[0-9A-Fa-f.:]{1,64}) (?P<port>[0-9]{1,5}) typ (?P<type>[a-z]{1,16})(?:\s.*)?",
    re.ASCII | re.IGNORECASE,
)
# RFC 8839, section 5.1. A name, such as a browser's random one in .local, matches no address.


class Candidate(msgspec.Struct, frozen=True):
    """Where the other side says that it listens."""

    component: int
    transport: str
    "`udp` or `tcp`, in lower case."

    address: Address
    port: int
    type: str
    "`host`, `srflx`, `prflx` or `relay`, in lower case."


def parse_candidate(text: str) -> Candidate | None:
    """Read a candidate line, with or without `a=`. None if it isn't one, or holds a name instead of an address."""
    match = _CANDIDATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        address = ip_address(match["address"])
    except ValueError:
        return None
    return Candidate(
        component=int(match["component"]),
        transport=match["transport"].lower(),
        address=unmapped(address),
        port=int(match["port"]),
        type=match["type"].lower(),
    )


def unmapped(address: IPv4Address | IPv6Address) -> Address:
    """The IPv4 address that is mapped into IPv6 (RFC 4291, section 2.5.5.2), or the address itself."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def ports_at(candidates: Iterable[Candidate], address: Address) -> tuple[int, ...]:
    """The ports of all UDP host candidates at exactly this address, each once, MAX_PORTS at most."""
    wanted = unmapped(address)
    ports = dict.fromkeys(
        candidate.port
        for candidate in candidates
        if candidate.component == RTP_COMPONENT
        and candidate.transport == "udp"
        and candidate.type == "host"
        and candidate.address == wanted
        and 0 < candidate.port < 2**16
    )
    return tuple(ports)[:MAX_PORTS]
