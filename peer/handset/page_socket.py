"""The protocol of a socket for a leg to a page, on this machine or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from peer.overlay import Address
from peer.transport.connections import ConnectionSocket


class PageSocket(ConnectionSocket, Protocol):
    """The only socket of the leg."""

    @property
    def listening(self) -> Sequence[tuple[Address, int]]:
        """The addresses and ports to which the browser may send, the best first. An offer names no others."""

    def close(self) -> None:
        """Close it at once. Connections that still use it are notified."""
