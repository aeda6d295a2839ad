"""Notices when a network device or an address comes or goes, through rtnetlink(7). Needs no privileges."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from types import TracebackType

RTMGRP_LINK = 0x1
RTMGRP_IPV4_IFADDR = 0x10
RTMGRP_IPV6_IFADDR = 0x100
"Multicast groups of NETLINK_ROUTE (linux/rtnetlink.h)."

CHUNK = 64 * 1024


class DeviceEvents:
    """While the block runs, `happened` is set after each change. The code that handles it clears it.

    It doesn't say what has changed, because the machine is asked again anyway. Without rtnetlink it is never set.
    """

    def __init__(self) -> None:
        self.happened = asyncio.Event()
        self._socket: socket.socket | None = None

    async def __aenter__(self) -> DeviceEvents:
        with suppress(OSError, AttributeError):
            kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
            self._socket = kernel
            kernel.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
            asyncio.get_running_loop().add_reader(kernel.fileno(), self._read, kernel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self, kernel: socket.socket) -> None:
        # An overflow (ENOBUFS) counts as an event: so much has changed that the kernel dropped messages.
        with suppress(OSError):
            kernel.recv(CHUNK)
        self.happened.set()
