"""The UDP socket of a leg to a device: the choke point of every call, between one of our addresses and the device's."""

from __future__ import annotations

from peer.overlay import Address
from peer.transport.udp_socket import OverlaySocket


class DeviceSocket(OverlaySocket):
    """Takes datagrams of the device's address, and sends to no other."""

    @property
    def listening(self) -> list[tuple[Address, int]]:
        """The one candidate that the device's browser is offered."""
        return [(self.local, self.port)]
