"""Finds out whose program listens on the overlay node's port: any user of this machine could listen there instead.

Trusted are root, ourselves and the node's own system user. Where the kernel doesn't tell (other systems than Linux,
services on other machines) nothing is refused.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from shared.errors import OverlayDown

TABLES = (Path("/proc/thread-self/net/tcp"), Path("/proc/thread-self/net/tcp6"))
"The TCP sockets of this thread's network namespace, proc_pid_net(5)."

LISTENING = "0A"
"TCP_LISTEN in those tables (include/net/tcp_states.h)."


def refuse_foreign_port(host: str, port: int, *, users: Iterable[str], where: str) -> None:
    """Raise OverlayDown if a user who isn't trusted listens on that port of this machine's loopback.

    `users` are the names that the node's system user may have; `where` is the beginning of the sentence.
    """
    for uid in _listeners(host, port):
        _refuse_foreign(uid, users, where)


def refuse_foreign_end(connection: socket.socket, *, users: Iterable[str], where: str) -> None:
    """Raise OverlayDown if a user who isn't trusted listens at the other end of a Unix socket (SO_PEERCRED)."""
    peercred = getattr(socket, "SO_PEERCRED", None)
    if peercred is not None:
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, peercred, struct.calcsize("3i")))
        _refuse_foreign(uid, users, where)


def _refuse_foreign(uid: int, users: Iterable[str], where: str) -> None:
    if uid in (0, os.geteuid()):
        return
    name = _name_of(uid)
    if name in users:
        return
    raise OverlayDown(
        f"{where} belongs to the user {name}, not to root or you. It wasn't asked: it could lead your calls anywhere.",
        "If that is the user your overlay node runs as, name it: `user` in the overlay's section of the configuration.",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _listeners(host: str, port: int) -> set[int]:
    """The users who listen on a port of an address, or of all addresses."""
    address = ip_address(host)
    places = {f"{_in_table(each)}:{port:04X}" for each in _covering(address)}
    found: set[int] = set()
    for table in TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if len(columns) > 7 and columns[1] in places and columns[3] == LISTENING:
                found.add(int(columns[7]))
    return found


def _covering(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses at which a socket gets what is sent to this one."""
    if address.version == 6:
        return [address, IPv6Address("::")]
    mapped = [IPv6Address(b"\0" * 10 + b"\xff\xff" + each.packed) for each in (address, IPv4Address(0))]
    return [address, IPv4Address(0), *mapped, IPv6Address("::")]


def _in_table(address: IPv4Address | IPv6Address) -> str:
    """Four bytes at a time, in the byte order of the machine."""
    words = struct.iter_unpack("=I", address.packed)
    return "".join(f"{word:08X}" for (word,) in words)
