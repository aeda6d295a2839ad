"""The overlay: a network in which a node's public key is its address. We use it through the node on this machine.

Start here, at `Overlay`: its methods are what a call asks. loopback.py answers from a hash, staex.py and yggdrasil.py
ask a node. choose.py picks an overlay. addresses.py and binding.py decide which addresses and devices a call may use,
port_owner.py checks whose program replies, watch.py notices when the overlay goes and comes, and yggdrasil_peers.py
checks the peers of a Yggdrasil node. May import only shared.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from shared.node_id import NodeId

Address = IPv4Address | IPv6Address
"An address on this machine. The same node may have another address on every other node, so links contain none."


AUTOMATIC = ("staex", "yggdrasil")
"The overlays that `auto` may take, the preferred one first."


def overlay_name(overlay: str) -> str:
    """An overlay's name for people: `Staex`."""
    return overlay.capitalize()


class Overlay(Protocol):
    """What a call asks of an overlay. Every method may ask the node again, and raise OverlayError."""

    name: str
    "Its name in the configuration."

    interface: str | None
    "The network device of the overlay, to which sockets are bound, if it is known."

    async def node_id(self) -> NodeId:
        """Our own node's id. Raises OverlayDown if the node doesn't reply."""

    async def own_address(self) -> Address:
        """Our own node's address on this machine. Calls bind no other. Raises OverlayDown."""

    async def address_of(self, node: NodeId) -> Address:
        """The address of `node`, as seen from this machine.

        Raises NodeUnreachable if the overlay has no way to it, BadAddress if a call must not use the address, and
        OverlayDown if our own node doesn't reply.
        """

    async def node_of(self, address: Address) -> NodeId | None:
        """The node with that address. None if this overlay can't say."""

    async def connected(self) -> bool | None:
        """Whether our own node is connected to another node; otherwise nobody can be reached. None if it can't say.

        Raises OverlayDown if the node doesn't reply.
        """
