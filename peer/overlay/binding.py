"""The own overlay address and its device, kept between two questions to the overlay node.

Resolving a node would otherwise need the own address asked for each time, and a node's command is slow. What is kept
is checked against the machine's devices at every use, so an address that has left the machine is never used again.
"""

from __future__ import annotations

from collections.abc import Iterable

from peer.overlay import Address
from peer.overlay.addresses import own_interface, refuse_remote
from peer.overlay.interfaces import Interface, Machine, Network
from shared.errors import OverlayDown, OverlayError


class Binding:
    """What a call of one overlay is bound to, and whom it may reach from there."""

    def __init__(self, *, allowed: Iterable[Network], machine: Machine, device: str | None) -> None:
        """`allowed` is where the overlay's addresses lie; `device` the one that the owner has configured, if any."""
        self._allowed = tuple(allowed)
        self._machine = machine
        self._device = device
        self._own: Address | None = None

    def bind(self, own: Address) -> Interface:
        """Check and keep the own address. Raises BadAddress or OverlayDown, and then nothing is kept."""
        self._own = None
        interface = own_interface(own, allowed=self._allowed, machine=self._machine, device=self._device)
        self._own = own
        return interface

    def holds(self) -> bool:
        """Whether there is an own address that a device of the machine still carries."""
        try:
            return self._own is not None and self.bind(self._own) is not None
        except OverlayError:
            return False

    def refuse_remote(self, address: Address) -> None:
        """Check the address given for another node, as addresses.refuse_remote.

        Raises OverlayDown too if the own address has gone in the meantime.
        """
        if self._own is None:
            raise OverlayDown("The overlay's own address has gone away.")
        interface = self.bind(own := self._own)
        refuse_remote(address, own=own, interface=interface, allowed=self._allowed, machine=self._machine)
