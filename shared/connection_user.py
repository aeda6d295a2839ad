"""Which user's process holds an end of a connection within this machine, asked of Linux's kernel.

One netlink message (sock_diag(7)) about one connection, in some microseconds however many there are. Where the kernel
has no sock_diag, its tables are read instead for TCP (/proc/net/tcp and tcp6, proc_pid_net(5)).

The kernel names users as the one knows them who has opened the socket that asks. So a process in a user namespace, in
which all others are "nobody", sees who they are through a socket that comes from outside.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import struct
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import msgspec

from shared import netlink
from shared.netlink import attributes

Address = tuple[str, int]
"Host and port."

PROC_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20

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

UNIX_REQUEST = struct.Struct("=BBHIIIII")
"struct unix_diag_req: family, protocol, nothing, states, inode, what to show, cookie; a cookie of ones means any."

UNIX_MESSAGE = struct.Struct("=BBBBIII")
"struct unix_diag_msg: family, type, state, nothing, inode, cookie; attributes follow."

SHOW_PEER = 0x04
SHOW_UID = 0x40
PEER = 2
UID = 7


_outside: netlink.Service | None = None


def ask_from_outside(kernel: socket.socket) -> None:
    """From now on ask through this socket of sock_diag, which was opened outside of our user namespace."""
    global _outside
    _outside = netlink.Service(kernel)


class CannotTell(Exception):
    """The system doesn't say whose connection it is: it isn't Linux, or it refuses to answer."""


class End(msgspec.Struct, frozen=True):
    """One end of a connection, on this machine."""

    uid: int
    "The user whose process holds it. Says nothing before it is `owned`: the kernel then reports root."

    owned: bool
    "Whether a process holds it. One that listens hasn't accepted a new connection yet."


def user_of(client: Address, server: Address) -> int | None:
    """The uid of the process that has connected from `client` to `server`; None if there is none (any more).

    Raises CannotTell.
    """
    end = end_of(client, server)
    return None if end is None else end.uid


def end_of(here: Address, there: Address) -> End | None:
    """The end at `here` of the connection with `there`; None if no process of this machine holds it (any more).

    Raises CannotTell.
    """
    if sys.platform != "linux":
        raise CannotTell
    with contextlib.suppress(OSError, struct.error):
        return _asked(here, there)
    try:
        return in_tables([table.read_text() for table in PROC_TABLES if table.exists()], here, there)
    except OSError:
        raise CannotTell from None


def unix_end_of(connection: socket.socket) -> End:
    """The other end of a Unix socket that is connected. Not held: no process has accepted it yet, or has it any more.

    Unlike SO_PEERCRED this is who has accepted it, not who listens, and may be asked from outside. Raises CannotTell.
    """
    try:
        inode = os.fstat(connection.fileno()).st_ino
        peer = _unix_asked(inode, SHOW_PEER).get(PEER, 0)
        uid = _unix_asked(peer, SHOW_UID).get(UID) if peer else 0
        if uid is None:  # Linux before 5.3
            raise CannotTell
        # Until it is the same again it may have been closed, and its number taken by another.
        return End(uid, peer != 0 and _unix_asked(inode, SHOW_PEER).get(PEER, 0) == peer)
    except (OSError, struct.error):
        raise CannotTell from None


def _unix_asked(inode: int, show: int) -> dict[int, int]:
    """The attributes of a Unix socket that are numbers. Raises OSError or struct.error."""
    body = UNIX_REQUEST.pack(socket.AF_UNIX, 0, 0, ALL_STATES, inode, show, 0xFFFFFFFF, 0xFFFFFFFF)
    answer = _sock_diag(body)
    numbers = (each for each in attributes(answer[UNIX_MESSAGE.size :]) if each[0] in (PEER, UID))
    return {kind: struct.unpack("=I", value)[0] for kind, value in numbers}


def _sock_diag(body: bytes) -> bytes:
    """Raises OSError where the kernel has no such service or no such socket."""
    ask = _outside.asked if _outside else functools.partial(netlink.asked, NETLINK_SOCK_DIAG)
    kind, answer = ask(SOCK_DIAG_BY_FAMILY, body)
    if kind != SOCK_DIAG_BY_FAMILY:
        (code,) = struct.unpack_from("=i", answer)
        raise OSError(-code, "sock_diag")
    return answer


def _asked(here: Address, there: Address) -> End | None:
    """Ask sock_diag. Raises OSError or struct.error where the kernel has no such service."""
    ports_and_addresses = SOCKET_ID.pack(here[1], there[1], _packed(here[0]), _packed(there[0]))
    family = socket.AF_INET if ip_address(here[0]).version == 4 else socket.AF_INET6
    body = REQUEST.pack(family, socket.IPPROTO_TCP, 0, ALL_STATES) + ports_and_addresses
    body += REST_OF_ID.pack(0, 0xFFFFFFFF, 0xFFFFFFFF)
    try:
        answer = _sock_diag(body)
    except FileNotFoundError:  # no such connection
        return None
    _, state, _, _ = MESSAGE.unpack_from(answer)
    _, _, _, uid, inode = COUNTERS.unpack_from(answer, MESSAGE.size + SOCKET_ID.size + REST_OF_ID.size)
    # A socket that is closed already has no owner, which the kernel reports as root.
    return End(int(uid), inode != 0) if state in (TCP_ESTABLISHED, TCP_CLOSE_WAIT) else None


def in_tables(tables: Iterable[str], here: Address, there: Address) -> End | None:
    """The same from the text of the tables. The addresses in them are in the byte order of the machine."""
    wanted = {(_in_table(*here, mapped), _in_table(*there, mapped)) for mapped in (False, True)}
    alive = {f"{TCP_ESTABLISHED:02X}", f"{TCP_CLOSE_WAIT:02X}"}
    for table in tables:
        for line in table.splitlines()[1:]:
            columns = line.split()
            if len(columns) > 9 and (columns[1], columns[2]) in wanted and columns[7].isdigit():
                return End(int(columns[7]), columns[9] != "0") if columns[3] in alive else None
    return None


def _packed(host: str) -> bytes:
    return ip_address(host).packed.ljust(16, b"\0")


def _in_table(host: str, port: int, mapped: bool) -> str:
    """Four bytes at a time, in the byte order of the machine."""
    packed = ip_address(host).packed
    packed = bytes(10) + b"\xff\xff" + packed if mapped and len(packed) == 4 else packed
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed)) + f":{port:04X}"
