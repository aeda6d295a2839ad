"""Which user's process is at the other end of a loopback TCP connection, asked of Linux's kernel.

One netlink message (sock_diag(7)) about one connection, in some microseconds however many there are. Where the kernel
has no sock_diag, its tables are read instead (/proc/net/tcp and tcp6, proc_pid_net(5)).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

Address = tuple[str, int]
"Host and port."

PROC_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1

HEADER = struct.Struct("=IHHII")
"struct nlmsghdr: length, type, flags, sequence, port."

REQUEST = struct.Struct("=BBBxI")
"The beginning of struct inet_diag_req_v2: family, protocol, extensions, states."

SOCKET_ID = struct.Struct("!HH16s16s")
"The beginning of struct inet_diag_sockid: ports and addresses, own and remote, in network order."

REST_OF_ID = struct.Struct("=III")
"Device and cookie; a cookie of ones means any."

MESSAGE = struct.Struct("=BBBB")
"The beginning of struct inet_diag_msg: family, state, timer, retransmissions."

COUNTERS = struct.Struct("=IIIII")
"Its end: expiry, both queues, uid, inode."

TCP_ESTABLISHED = 1
TCP_CLOSE_WAIT = 8
"A connection whose process is there: it is used, or the other side has ended its half."

ALL_STATES = 0xFFFFFFFF
MOST_BYTES = 4096


class CannotTell(Exception):
    """The system doesn't say whose connection it is: it isn't Linux, or it refuses to answer."""


def user_of(client: Address, server: Address) -> int | None:
    """The uid of the process that has connected from `client` to `server`; None if there is none (any more).

    Raises CannotTell.
    """
    if sys.platform != "linux":
        raise CannotTell
    with contextlib.suppress(OSError, struct.error):
        return _asked(client, server)
    try:
        return in_tables([table.read_text() for table in PROC_TABLES if table.exists()], client, server)
    except OSError:
        raise CannotTell from None


def _asked(client: Address, server: Address) -> int | None:
    """Ask sock_diag. Raises OSError or struct.error where the kernel has no such service."""
    ports_and_addresses = SOCKET_ID.pack(client[1], server[1], _packed(client[0]), _packed(server[0]))
    body = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ALL_STATES) + ports_and_addresses
    body += REST_OF_ID.pack(0, 0xFFFFFFFF, 0xFFFFFFFF)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body)
        answer = kernel.recv(MOST_BYTES)
    _, kind, *_ = HEADER.unpack_from(answer)
    if kind != SOCK_DIAG_BY_FAMILY:
        (code,) = struct.unpack_from("=i", answer, HEADER.size)
        if code == -2:  # ENOENT: no such connection
            return None
        raise OSError(-code, "sock_diag")
    _, state, _, _ = MESSAGE.unpack_from(answer, HEADER.size)
    at = HEADER.size + MESSAGE.size + SOCKET_ID.size + REST_OF_ID.size
    _, _, _, uid, _ = COUNTERS.unpack_from(answer, at)
    # A socket that is closed already has no owner, which the kernel reports as root.
    return int(uid) if state in (TCP_ESTABLISHED, TCP_CLOSE_WAIT) else None


def in_tables(tables: Iterable[str], client: Address, server: Address) -> int | None:
    """The same from the text of the tables. The addresses in them are in the byte order of the machine."""
    wanted = {(_in_table(*client, mapped), _in_table(*server, mapped)) for mapped in (False, True)}
    alive = {f"{TCP_ESTABLISHED:02X}", f"{TCP_CLOSE_WAIT:02X}"}
    for table in tables:
        for line in table.splitlines()[1:]:
            columns = line.split()
            if len(columns) > 7 and (columns[1], columns[2]) in wanted and columns[7].isdigit():
                return int(columns[7]) if columns[3] in alive else None
    return None


def _packed(host: str) -> bytes:
    return IPv4Address(host).packed + bytes(12)


def _in_table(host: str, port: int, mapped: bool) -> str:
    number = int.from_bytes(IPv4Address(host).packed, sys.byteorder)
    prefix = int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    return f"{'0' * 16}{prefix:08X}{number:08X}:{port:04X}" if mapped else f"{number:08X}:{port:04X}"
