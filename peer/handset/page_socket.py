"""What a leg to a page needs of its socket, whether the page is on this machine or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from peer.overlay import Address
from peer.transport.connections import ConnectionSocket


class PageSocket(ConnectionSocket, Protocol):
    """The one place where datagrams of the leg come and go."""

    @property
    def listening(self) -> Sequence[tuple[Address, int]]:
        """The addresses and ports that the browser may send to, the best first: all that an offer names."""

    def close(self) -> None:
        """Close it at once; connections that still use it learn of it."""
