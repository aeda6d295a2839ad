"""The Yggdrasil node's admin socket: one JSON request, one JSON response, then the node closes the connection.

It is the same in 0.4 (from 0.4.5 on) and 0.5. Only a socket on this machine is used.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import re
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from peer.overlay.bounded import read_bounded
from peer.overlay.port_owner import refuse_foreign_end, refuse_foreign_server
from shared.errors import ConfigError, OverlayDown, OverlayForbidden
from shared.not_json import NOT_JSON
from shared.user_namespace import hides

MOST_BYTES = 4 * 1024 * 1024
"The longest response in bytes. A node with 10,000 sessions sends about 2 MB."

ADMIN_PORT = 9001

GROUP = "yggdrasil"
"The group that owns an installed node's socket."

GROUP_MAP = Path("/proc/self/gid_map")

OPEN_HINT = (
    "`copybara setup overlay` adds you to the group that owns it. "
    "By hand: `sudo adduser $USER yggdrasil`, then restart the computer."
)
START_HINT = (
    "`copybara setup overlay` installs and starts Yggdrasil. If it ends again: `journalctl -u yggdrasil` says why. "
    "By hand: copybara manual overlays"
)


STOPPED = "Yggdrasil is installed on this computer, but it doesn't run."
STOPPED_HINT = (
    "To start it: `copybara setup overlay`. If you may not use sudo, that gives you one command for an administrator. "
    "By hand: `sudo systemctl restart yggdrasil`. If it ends again: `journalctl -u yggdrasil` says why."
)

PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
"The folders with a node's program. An ordinary user's search path lacks some of them."


class AdminSocket(msgspec.Struct, frozen=True):
    """Where a node listens for requests: a path, or a port on this machine's loopback."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> AdminSocket:
        """Read `unix:///path` or `tcp://127.0.0.1:9001`, as in the node's AdminListen.

        Raises ConfigError for anything else, and for an address that isn't loopback: a node on another machine has no
        device on this one.
        """
        with suppress(ValueError):
            parts = urlsplit(text)
            if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/") and "\0" not in text:
                return cls(path=text.removeprefix("unix://"))
            host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
            if parts.scheme == "tcp" and parts.port and not parts.path.strip("/") and ip_address(host).is_loopback:
                return cls(host=host, port=parts.port)
        raise ConfigError(
            "The Yggdrasil admin socket must look like unix:///run/yggdrasil/yggdrasil.sock or tcp://127.0.0.1:9001.",
            "Use what AdminListen says in the node's configuration; it has to be on this machine.",
            key="yggdrasil.admin",
        )

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"


USUAL_PLACES = (
    AdminSocket(path="/run/yggdrasil/yggdrasil.sock"),
    AdminSocket(path="/run/yggdrasil.sock"),
    AdminSocket(path="/var/run/yggdrasil/yggdrasil.sock"),
    AdminSocket(path="/var/run/yggdrasil.sock"),
    AdminSocket(host="127.0.0.1", port=ADMIN_PORT),
)
"The sockets of Debian's package, of the project's own packages (also if /var/run isn't /run), and of older nodes."


class Myself(msgspec.Struct):
    """The part of the response to getSelf that we use."""

    key: str
    "64 hexadecimal digits."

    address: str


class PeerSession(msgspec.Struct):
    """A node with which packets are exchanged."""

    key: str
    address: str = ""


class PeerSessions(msgspec.Struct):
    """The response to getSessions."""

    sessions: list[PeerSession]


class Peer(msgspec.Struct):
    """A node with which our own node is connected, or tries to connect."""

    up: bool = True
    "0.4 lists only connected nodes, without this field."

    inbound: bool | None = None
    "Whether the other node has dialled ours. 0.4 doesn't say."

    remote: str = ""
    "The other node's URI without the part after `?`. If it has dialled ours, the address from which it did."

    key: str = ""
    "64 hexadecimal digits, for a connected node."


class Peers(msgspec.Struct):
    """The response to getPeers."""

    peers: list[Peer]


class _Response(msgspec.Struct):
    status: str
    error: str = ""
    response: msgspec.Raw = msgspec.Raw(b"null")


Wanted = TypeVar("Wanted")

HEX_KEY = re.compile("[0-9a-f]{64}")


class YggdrasilAdmin:
    """Makes requests to the node on this machine."""

    def __init__(self, socket: str = "", *, users: Sequence[str] = (), timeout: float = 5.0) -> None:
        """`socket` is the node's AdminListen; empty: look in the usual places. `timeout` is in seconds per request.

        `users` may run the node, besides root and ourselves.

        Raises ConfigError if `socket` isn't valid.
        """
        self._places: Sequence[AdminSocket] = (AdminSocket.parse(socket),) if socket else USUAL_PLACES
        self._users = users
        self._timeout = timeout

    async def myself(self) -> Myself:
        """Our own node's key and address. Raises OverlayDown if no node gives them."""
        return await self._ask("getself", Myself)

    async def sessions(self) -> list[PeerSession]:
        """The nodes with which packets are exchanged. Raises OverlayDown if the node doesn't give them."""
        return (await self._ask("getsessions", PeerSessions)).sessions

    async def peers(self) -> list[Peer]:
        """The nodes with which our own node is connected or tries to connect.

        Raises OverlayDown if it doesn't give them.
        """
        return (await self._ask("getpeers", Peers)).peers

    async def _ask(self, request: str, form: type[Wanted]) -> Wanted:
        """The response of the first socket at which a node replies. Otherwise raises the most telling error."""
        problems: list[OverlayDown] = []
        for place in self._places:
            try:
                return await self._ask_at(place, request, form)
            except FileNotFoundError:
                continue
            except PermissionError:
                problems.insert(0, _forbidden(place))
            except ConnectionRefusedError:
                if place.path:
                    problems.append(OverlayDown(f"No Yggdrasil node listens at {place} any more.", START_HINT))
            except OSError:
                problems.append(OverlayDown(f"The Yggdrasil node at {place} broke off.", START_HINT))
            except OverlayDown as problem:
                problems.append(problem)
        if problems:
            raise problems[0]
        if len(self._places) > 1 and shutil.which("yggdrasil", path=PROGRAMS):
            raise OverlayDown(STOPPED, STOPPED_HINT)
        raise OverlayDown(
            "No Yggdrasil node runs here." if len(self._places) > 1 else f"No Yggdrasil node at {self._places[0]}.",
            START_HINT,
        )

    async def _ask_at(self, place: AdminSocket, request: str, form: type[Wanted]) -> Wanted:
        try:
            async with asyncio.timeout(self._timeout):
                raw = await self._exchange(place, msgspec.json.encode({"request": request, "arguments": {}}) + b"\n")
        except TimeoutError as error:
            raise OverlayDown(
                f"The Yggdrasil node at {place} didn't answer within {self._timeout:g} seconds.", START_HINT
            ) from error
        if raw is None:
            raise OverlayDown(f"What listens at {place} answered with more than {MOST_BYTES} bytes.")
        if not raw:
            # It ends, or has only just begun to listen.
            raise OverlayDown(f"The Yggdrasil node at {place} broke off.", START_HINT)
        return read_response(raw, form, request, place)

    async def _exchange(self, place: AdminSocket, request: bytes) -> bytes | None:
        """Send the request and read the response. None if it is too long. Raises OSError, OverlayDown."""
        where = f"What listens at {place}"
        if place.path:
            reader, writer = await asyncio.open_unix_connection(place.path)
        else:
            reader, writer = await asyncio.open_connection(place.host, place.port)
        connection = writer.get_extra_info("socket")
        try:
            if place.path:
                await refuse_foreign_end(connection, users=self._users, where=where)
            else:
                await refuse_foreign_server(connection, users=self._users, where=where)
            writer.write(request)
            await writer.drain()
            return await read_bounded(reader, MOST_BYTES)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def read_response(raw: bytes, form: type[Wanted], request: str, place: AdminSocket) -> Wanted:
    """Read a response of the node at `place` to `request`. Raises OverlayDown for anything else, and for a refusal."""
    try:
        response = msgspec.json.decode(raw, type=_Response)
        if response.status != "success":
            raise OverlayDown(f"The Yggdrasil node at {place} refuses the request {request}.")
        return msgspec.json.decode(response.response, type=form)
    except NOT_JSON as error:
        raise OverlayDown(
            f"What listens at {place} doesn't answer like a Yggdrasil node of version 0.4.5 or newer."
        ) from error


def _forbidden(place: AdminSocket) -> OverlayForbidden:
    """The error that the user may not open the socket. Its hint says what changes that."""
    error = OverlayForbidden(f"You may not open Yggdrasil's admin socket {place}.", OPEN_HINT)
    if group := _joined_since(place):
        of_systemd = is_of_systemd(os.geteuid(), _control_groups())
        error.joined_since = not of_systemd
        error.hint = joined_hint(group, of_systemd=of_systemd)
    return error


def _joined_since(place: AdminSocket) -> str:
    """The group that may open the socket, if the user has joined it since this process began. Otherwise empty.

    The sandbox of the background service hides the socket's owner; an installed node runs in one group.
    """
    try:
        status = os.stat(place.path)
        hidden = hides(status.st_gid, GROUP_MAP)
        group = grp.getgrnam(GROUP) if hidden else grp.getgrgid(status.st_gid)
        user = pwd.getpwuid(os.geteuid()).pw_name
    except (OSError, KeyError):
        return ""
    may = status.st_mode & stat.S_IWGRP and user in group.gr_mem
    return group.gr_name if may and group.gr_gid not in os.getgroups() else ""


def is_of_systemd(uid: int, control_groups: str) -> bool:
    """Whether the user's own systemd has started a process with these control groups (cgroups(7)). Pure."""
    return any(f"user@{uid}.service" in line.split("/") for line in control_groups.splitlines())


def joined_hint(group: str, *, of_systemd: bool) -> str:
    """How a process gets its user's new membership. Pure.

    Processes that the user's systemd has started get the groups with which this systemd began. It outlives a log-out if
    lingering is on or another session is open.
    """
    if of_systemd:
        return (
            f"You are in the group {group}, but your systemd started before you joined it. To let Copybara in now: "
            "`copybara setup overlay`. Restarting the computer does it too."
        )
    return (
        f"You are in the group {group}, but this session started before you joined it: log out and in again. "
        "If that doesn't help, restart the computer."
    )


def _control_groups() -> str:
    try:
        return Path("/proc/self/cgroup").read_text(errors="replace")
    except OSError:  # not on Linux
        return ""
