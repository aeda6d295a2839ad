"""The network sockets of a process, as the kernel lists them."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

TABLES = ("udp", "udp6", "tcp", "tcp6", "raw", "raw6")


Sockets = set[tuple[str, IPv4Address | IPv6Address, int]]
"Protocol, local address and local port."


def own_sockets() -> Sockets:
    """Every network socket of this process."""
    return sockets_of("self")


def sockets_of(process: int | str) -> Sockets:
    """Every network socket of the process with that number."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{process}/fd"):
        try:
            target = os.readlink(f"/proc/{process}/fd/{descriptor}")
        except FileNotFoundError:  # the descriptor of the folder itself
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:[") : -1])
    found = set()
    for table in TABLES:
        path = Path(f"/proc/{process}/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[9] in inodes:
                host, port = fields[1].split(":")
                found.add((table, _address(host), int(port, 16)))
    return found


def _address(host: str) -> IPv4Address | IPv6Address:
    # Words of 32 bits in the machine's byte order.
    raw = b"".join(bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8))
    return IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)
