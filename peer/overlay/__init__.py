"""The overlay: a network in which a node's public key is its address, seen through the node on this machine.

Start here, at `Overlay`: five questions, which loopback.py answers from a hash, staex.py and yggdrasil.py from a node.
choose.py takes one of them; addresses.py and binding.py say which addresses and devices a call may touch, port_owner.py
whose program answers, watch.py when the overlay goes and comes, yggdrasil_peers.py what may be a Yggdrasil node's peer.
Imports shared only.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from shared.node_id import NodeId

Address = IPv4Address | IPv6Address
"Node-local: the same node may have another address on every other node, so no address goes into a link."


AUTOMATIC = ("staex", "yggdrasil")
"The overlays that `auto` may take, the preferred one first."


def overlay_name(overlay: str) -> str:
    """An overlay, for people: `Staex`."""
    return overlay.capitalize()


class Overlay(Protocol):
    """What a call asks of an overlay. Every method may ask the node again and raise OverlayError."""

    name: str
    "As the configuration names it."

    interface: str | None
    "The network device that carries the overlay and that sockets are bound to, if it is known."

    async def node_id(self) -> NodeId:
        """Our own node's id. Raises OverlayDown if the node doesn't answer."""

    async def own_address(self) -> Address:
        """Our own node's address on this machine: the only one that is ever bound. Raises OverlayDown."""

    async def address_of(self, node: NodeId) -> Address:
        """The address by which `node` is reached from here.

        Raises NodeUnreachable if the overlay knows no way, BadAddress if it names an address that no call may touch,
        OverlayDown if our own node doesn't answer.
        """

    async def node_of(self, address: Address) -> NodeId | None:
        """Whose address it is here; None if this overlay can't say."""

    async def connected(self) -> bool | None:
        """Whether our own node is connected to any other: without, nobody can be reached. None if it can't say.

        Raises OverlayDown if the node doesn't answer.
        """
