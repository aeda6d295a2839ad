"""The UDP socket of a leg to a device. Its datagrams go only between one of our addresses and the device's."""

from __future__ import annotations

from peer.overlay import Address
from peer.transport.udp_socket import OverlaySocket


class DeviceSocket(OverlaySocket):
    """Accepts datagrams only from the device's address, and sends only there."""

    @property
    def listening(self) -> list[tuple[Address, int]]:
        """The single candidate for the device's browser."""
        return [(self.local, self.port)]
