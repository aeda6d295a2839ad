"""The Yggdrasil network: a node's address is computed from its key, and nobody needs to be asked for it.

What the node says is only compared with that. It can also say whose an address is, once packets have been exchanged.
"""

from __future__ import annotations

from peer.overlay import Address
from peer.overlay.addresses import parse_address
from peer.overlay.binding import Binding
from peer.overlay.interfaces import Machine, ThisMachine
from peer.overlay.yggdrasil_address import NODES, yggdrasil_address
from peer.overlay.yggdrasil_admin import HEX_KEY, YggdrasilAdmin
from shared.config.schema import Yggdrasil
from shared.errors import BadAddress, OverlayDown
from shared.node_id import NodeId

SYSTEM_USERS = ("yggdrasil", "_yggdrasil")
"Users a node may run as, besides root and ourselves."


class YggdrasilOverlay:
    """The Overlay of a Yggdrasil node on this machine, 0.4.5 or newer."""

    name = "yggdrasil"

    def __init__(
        self,
        settings: Yggdrasil | None = None,
        machine: Machine | None = None,
        *,
        interface: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """`interface` is the overlay's device; None: the one that carries the own address. `timeout` is the seconds
        that one answer may take.

        Asks nothing yet. Raises ConfigError for settings that can't be used.
        """
        settings = settings or Yggdrasil()
        self._admin = admin_of(settings, timeout=timeout)
        self._binding = Binding(allowed=(NODES,), machine=machine or ThisMachine(), device=interface)
        self.interface: str | None = interface

    async def node_id(self) -> NodeId:
        """The own node's key. Raises OverlayDown if no node tells it, BadAddress if key and address don't agree."""
        myself = await self._admin.myself()
        node = _node_of_key(myself.key)
        if node is None:
            raise OverlayDown("The Yggdrasil node gives a key that isn't one.")
        if parse_address(myself.address) != yggdrasil_address(node):
            raise BadAddress("The Yggdrasil node gives an address that doesn't belong to its key.")
        return node

    async def own_address(self) -> Address:
        """The address that calls are bound to, computed from the own key.

        Raises OverlayDown if the node or its device is down, BadAddress if the address must not be bound.
        """
        own = yggdrasil_address(await self.node_id())
        self.interface = self._binding.bind(own).name
        return own

    async def address_of(self, node: NodeId) -> Address:
        """The node's address, computed from its key.

        Raises BadAddress for a key that no node has or the own one, NodeUnreachable without a route, OverlayDown.
        """
        if not self._binding.holds():
            await self.own_address()
        address = yggdrasil_address(node)
        self._binding.refuse_remote(address)
        return address

    async def node_of(self, address: Address) -> NodeId | None:
        """The node that the address belongs to, if the own node exchanges packets with it now; else None.

        Raises OverlayDown if the node can't be asked, BadAddress if more than one node has that address.
        """
        nodes = {node for session in await self._admin.sessions() if (node := _node_of_key(session.key))}
        found = [node for node in nodes if _may_have(node, address)]
        if len(found) > 1:
            raise BadAddress("The Yggdrasil node gives more than one node for an address.")
        return found[0] if found else None

    async def connected(self) -> bool | None:
        """Whether a peer is up: one of the configuration, one that has dialled us, or one found by multicast.

        Raises OverlayDown if the node doesn't say.
        """
        return any(peer.up for peer in await self._admin.peers())


def admin_of(settings: Yggdrasil, *, timeout: float = 5.0) -> YggdrasilAdmin:
    """The node's admin socket. The node may run as root, as ourselves, as the user of a package or as `user` says.

    `timeout` is the seconds that one answer may take. Raises ConfigError for settings that can't be used.
    """
    users = (*SYSTEM_USERS, *([settings.user] if settings.user else []))
    return YggdrasilAdmin(settings.admin, users=users, timeout=timeout)


def _node_of_key(key: str) -> NodeId | None:
    return NodeId(bytes.fromhex(key)) if HEX_KEY.fullmatch(key.lower()) else None


def _may_have(node: NodeId, address: Address) -> bool:
    try:
        return yggdrasil_address(node) == address
    except BadAddress:
        return False
