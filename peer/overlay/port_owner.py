"""Checks whose program replies instead of the overlay's node: any user of this machine could listen on its port.

Trusted users are root, ourselves and the node's own system user. Where the kernel doesn't tell (systems other than
Linux, services on other machines), nothing is refused. In a user namespace, the kernel shows every other user as
"nobody". Then all of them are refused, unless a process outside can be asked (bot/process/systemd_sockets.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterable

from shared.connection_user import CannotTell, End, end_of, unix_end_of
from shared.errors import OverlayDown
from shared.user_namespace import hides

LOOK_SECONDS = 0.005
"How often to look whether the other program has accepted the connection. Only that program learns it."


async def refuse_foreign_server(connection: socket.socket, *, users: Iterable[str], where: str) -> None:
    """Raise OverlayDown if an untrusted user has the other end of a TCP connection within this machine.

    Call this before writing anything. The listening program may change between a look and a connection, but not the
    program that has accepted this one. `users` are the possible names of the node's system user. `where` begins the
    error's sentence. Waits until a program has accepted the connection, so the caller sets the time limit.
    """
    here, there = connection.getsockname()[:2], connection.getpeername()[:2]
    try:
        end = await _held(lambda: end_of(there, here))
    except CannotTell:
        return
    _refuse_foreign(end.uid, users, where)


async def refuse_foreign_end(connection: socket.socket, *, users: Iterable[str], where: str) -> None:
    """The same check for a Unix socket: of its listener (SO_PEERCRED), or in a user namespace of the accepting user."""
    peercred = getattr(socket, "SO_PEERCRED", None)
    if peercred is None:
        return
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, peercred, struct.calcsize("3i")))
    if hides(uid):
        with contextlib.suppress(CannotTell):
            uid = (await _held(lambda: unix_end_of(connection))).uid
    _refuse_foreign(uid, users, where)


async def _held(look: Callable[[], End | None]) -> End:
    """The other end, once a program has accepted the connection. Raises CannotTell."""
    while True:
        end = look()
        if end is not None and end.owned:
            return end
        await asyncio.sleep(LOOK_SECONDS)


def _refuse_foreign(uid: int, users: Iterable[str], where: str) -> None:
    if uid in (0, os.geteuid()):
        return
    if hides(uid):
        raise OverlayDown(
            f"{where} belongs to a user whom Copybara's user namespace hides. It wasn't asked: it could lead your "
            "calls anywhere.",
            "If Copybara is a background service: copybara service install. Else start it outside of the namespace.",
        )
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
