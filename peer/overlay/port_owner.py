"""Finds out whose program answers in the overlay node's place: any user of this machine could listen on its port.

Trusted are root, ourselves and the node's own system user. Where the kernel doesn't tell (other systems than Linux,
services on other machines) nothing is refused. In a user namespace it shows every other user as "nobody": then all of
them are, unless it can be asked from outside (bot/process/systemd_sockets.py).
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
"Between two looks whether a connection was accepted, of which only the other program learns."


async def refuse_foreign_server(connection: socket.socket, *, users: Iterable[str], where: str) -> None:
    """Raise OverlayDown if a user who isn't trusted holds the other end of a TCP connection within this machine.

    Ask before anything is written. Who listens may change between a look and a connection; who has accepted this one
    doesn't. `users` are the names that the node's system user may have; `where` is the beginning of the sentence.
    Waits until a program has accepted it: the caller sets the limit.
    """
    here, there = connection.getsockname()[:2], connection.getpeername()[:2]
    try:
        end = await _held(lambda: end_of(there, here))
    except CannotTell:
        return
    _refuse_foreign(end.uid, users, where)


async def refuse_foreign_end(connection: socket.socket, *, users: Iterable[str], where: str) -> None:
    """The same for a Unix socket: who listens there (SO_PEERCRED), or in a user namespace who has accepted it."""
    peercred = getattr(socket, "SO_PEERCRED", None)
    if peercred is None:
        return
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, peercred, struct.calcsize("3i")))
    if hides(uid):
        with contextlib.suppress(CannotTell):
            uid = (await _held(lambda: unix_end_of(connection))).uid
    _refuse_foreign(uid, users, where)


async def _held(look: Callable[[], End | None]) -> End:
    """The end as it is once a program has accepted the connection. Raises CannotTell."""
    while True:
        end = look()
        if end is not None and end.held:
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
