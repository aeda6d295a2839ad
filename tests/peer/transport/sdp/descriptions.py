"""Offers of real programs, and candidates in the same form."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from pathlib import Path

from peer.overlay import Address
from peer.transport.sdp.writing import OwnSide
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

FOLDER = Path(__file__).parents[3] / "vectors" / "sdp"

NAMES = ("firefox-offer", "aiortc-offer", "deltachat-offer", "chromium-audio-video-channel", "chromium-audio")

OVERLAY = IPv4Address("10.83.0.1")
"The other node's address on our node."

PORTS = (50_001, 50_003)
"The ports of the two candidates, among the sixty, that belong to that node."

ATTRIBUTES = "generation 0 ufrag 1ad1f3f2 network-cost 50"


def offer(name: str) -> str:
    """A recorded offer."""
    return (FOLDER / f"{name}.sdp").read_bytes().decode()


def sixty_candidates() -> list[str]:
    """Candidates as a Firefox on a machine with many networks lists them. Two of them are UDP at OVERLAY."""
    hosts = [
        "10.83.0.10", "10.83.0.100", "10.83.0.11", "110.83.0.1", "10.83.0.2", "192.168.1.17", "172.17.0.1",
        "203.0.113.10", "169.254.7.7", "127.0.0.1", "fd00::10:83:0:1", "2001:db8::1", "fe80::1", "::ffff:10.83.0.10",
        "2b1f0e8c-5a5c-4d9f-8d39-2f4f4cfa1a10.local", "10.83.0.1.local", "200:1111:2222:3333::1", "10.83.00.1",
    ]  # fmt: skip
    lines = [f"candidate:{n} 1 UDP 2122252543 {host} {40_000 + n} typ host" for n, host in enumerate(hosts)]
    lines += [f"candidate:{n} 1 TCP 2105524479 {host} 9 typ host tcptype active" for n, host in enumerate(hosts)]
    lines += [
        f"candidate:90 1 UDP 2122252543 {OVERLAY} {PORTS[0]} typ host",
        f"candidate:91 1 TCP 2105524479 {OVERLAY} 9 typ host tcptype active",
        f"candidate:92 2 UDP 2122252542 {OVERLAY} 50002 typ host",
        f"candidate:93 1 UDP 2122252543 ::ffff:{OVERLAY} {PORTS[1]} typ host",
        f"candidate:94 1 UDP 1685987071 {OVERLAY} 50004 typ srflx raddr 0.0.0.0 rport 0",
        f"candidate:95 1 UDP 92217087 {OVERLAY} 50005 typ relay raddr 0.0.0.0 rport 0",
        f"candidate:96 1 UDP 92217087 203.0.113.9 50006 typ relay raddr {OVERLAY} rport {PORTS[0]}",
        f"candidate:97 1 UDP 2122252543 {OVERLAY} 0 typ host",
        f"candidate:98 1 UDP 2122252543 {OVERLAY} 70000 typ host",
    ]
    number = 100
    while len(lines) < 60:
        lines.append(
            f"candidate:{number} 1 UDP 1685987071 198.51.100.{number} {number} typ srflx raddr 0.0.0.0 rport 0"
        )
        number += 1
    return lines


def with_candidates(sdp: str, candidates: list[str]) -> str:
    """The description with these candidates spread over its sections."""
    head, *sections = sdp.split("m=")
    count = len(sections)
    for number in range(count):
        sections[number] += "".join(f"a={line}\r\n" for line in candidates[number::count])
    return head + "".join(f"m={section}" for section in sections)


def own_side(address: str = "10.83.0.7", *, trickled: bool = False) -> OwnSide:
    """Our own values for descriptions in these tests."""
    parsed: Address = ip_address(address)
    return OwnSide(IceCredentials.of(bytes(range(24))), Fingerprint(bytes(32)), parsed, 40_404, trickled)
