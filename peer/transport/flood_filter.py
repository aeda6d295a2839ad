"""What the kernel drops of a call's socket, so that a flood costs the program nothing.

Foreign addresses: for as long as the socket lives. The other node's own address, at which other programs than the one
that we talk to may be: all but a few of what comes from other ports, for some seconds. What comes from a port at which
it has proved itself, beyond all that an honest program sends: everything, for a moment.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Collection

from peer.overlay import Address
from peer.overlay.source_filter import (
    MOST_PORTS,
    NOTHING,
    RETURN,
    WHOLE_PACKET,
    Instruction,
    attach,
    ends_filter,
    only_by,
    source_filter,
)

logger = logging.getLogger(__name__)

PORTS_SECONDS = 5.0
"How long other ports are kept out. A flood that goes on then begins that again after a few thousand datagrams."

DEAF_SECONDS = 0.05

ONE_IN = 64
"""Of so many datagrams from other ports one gets through: a program that dials again may have another port, and sends
its check twenty times a second (ice.py)."""


class FloodFilter:
    """That of one socket."""

    def __init__(self, sock: socket.socket, remote: Address | None, device: int | None = None) -> None:
        """`remote` is the one address that datagrams are taken from, None if there are several; `device` is the number
        of the one network device that they may come by, None: any.
        """
        self._sock = sock
        self._remote = remote
        self._device = device
        self._foreign = False
        self._ends: tuple[tuple[Address, int], ...] | None = None
        "While others are kept out: those that aren't."

        self._deaf = False
        self._works = True
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def keeps_out_foreign(self) -> bool:
        """Whether other addresses are kept out, or can't be."""
        return self._foreign or not self._works

    @property
    def keeps_out_ports(self) -> bool:
        """The same of other ports of the one address."""
        return self._ends is not None or not self._works

    def keep_out_foreign(self) -> None:
        """Other addresses flood us."""
        self._foreign = True
        self._attach()

    def keep_out_ports(self, but: Collection[tuple[Address, int]]) -> None:
        """We are flooded from elsewhere than these addresses and ports."""
        if not self._works:
            return
        if self._ends is None:
            self._later(PORTS_SECONDS, self._let_in_ports)
        self._ends = tuple(but)[-MOST_PORTS:]
        self._attach()

    def be_deaf(self) -> None:
        """The one address floods us from where it has proved itself."""
        if not self._deaf and self._works:
            self._deaf = True
            self._attach()
            self._later(DEAF_SECONDS, self._hear)

    def close(self) -> None:
        """The socket is gone."""
        self._works = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _let_in_ports(self) -> None:
        self._ends = None
        self._attach()

    def _hear(self) -> None:
        self._deaf = False
        self._attach()

    def _later(self, seconds: float, what: object) -> None:
        assert callable(what)
        loop = asyncio.get_running_loop()
        self._timers = [timer for timer in self._timers if timer.when() > loop.time()]
        self._timers.append(loop.call_later(seconds, what))

    def _program(self) -> list[Instruction]:
        by = [] if self._device is None else only_by(self._device, NOTHING)
        if self._deaf:
            return [Instruction(RETURN, 0, 0, NOTHING)]
        if self._ends is not None:
            return [*by, *ends_filter(self._ends, only=self._remote, one_in=ONE_IN)]
        allowed = [self._remote] if self._foreign and self._remote is not None else None
        return source_filter(allowed, self._device, yes=WHOLE_PACKET, no=NOTHING)

    def _attach(self) -> None:
        if not self._works:
            return
        try:
            attach(self._sock, self._program())
        except OSError as error:
            self._works = False
            logger.info("the kernel takes no filter for a call's socket: %s", type(error).__name__)
