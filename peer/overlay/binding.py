"""Remembers our own overlay address and its device, so that the overlay node isn't asked for them each time.

Otherwise each look-up of a node would ask for our own address too, and the node's command is slow. The remembered
address is checked against the machine's devices at each use, so it is never used after it has left the machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from peer.overlay import Address
from peer.overlay.addresses import own_interface, refuse_remote
from peer.overlay.interfaces import Interface, Machine, Network
from shared.errors import OverlayDown, OverlayError


class Binding:
    """The address to which calls of one overlay are bound, and the addresses that they may reach from there."""

    def __init__(self, *, allowed: Iterable[Network], machine: Machine, device: str | None) -> None:
        """`allowed` are the overlay's address ranges. `device` is the configured device, if any."""
        self._allowed = tuple(allowed)
        self._machine = machine
        self._device = device
        self._own: Address | None = None

    def bind(self, own: Address) -> Interface:
        """Check and remember our own address. Raises BadAddress or OverlayDown, and then forgets the old one."""
        self._own = None
        interface = own_interface(own, allowed=self._allowed, machine=self._machine, device=self._device)
        self._own = own
        return interface

    def holds(self) -> bool:
        """Whether there is an own address, and a device of this machine still has it."""
        try:
            return self._own is not None and self.bind(self._own) is not None
        except OverlayError:
            return False

    def refuse_remote(self, address: Address) -> None:
        """Check another node's address, see addresses.refuse_remote.

        Also raises OverlayDown if our own address is gone.
        """
        if self._own is None:
            raise OverlayDown("The overlay's own address has gone away.")
        interface = self.bind(own := self._own)
        refuse_remote(address, own=own, interface=interface, allowed=self._allowed, machine=self._machine)
