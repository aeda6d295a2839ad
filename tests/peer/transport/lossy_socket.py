"""A socket that loses some of what it sends."""

from __future__ import annotations

import abc
from collections import Counter

from peer.overlay import Address
from peer.transport.udp_socket import OverlaySocket


class LossySocket(OverlaySocket, abc.ABC):
    """A socket that loses some of what it sends."""

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        self.copies: Counter[bytes] = Counter()

    @abc.abstractmethod
    def loses(self, datagram: bytes) -> bool:
        """Whether this copy is lost; `copies` counts it already."""

    def send(self, datagram: bytes, remote_port: int) -> None:
        self.copies[datagram] += 1
        if not self.loses(datagram):
            super().send(datagram, remote_port)
