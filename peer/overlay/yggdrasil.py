"""The Yggdrasil network: a node's address is computed from its key, so nobody has to be asked for it.

The node's own answer is only compared with the computed address. The node can also say which node has an address, once
packets have been exchanged.
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
"The users that a node may run as, besides root and ourselves."


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
        """`interface` is the overlay's device; None: the device with our own address.

        `timeout` is how many seconds one reply may take. Nothing is asked yet. Raises ConfigError for invalid settings.
        """
        settings = settings or Yggdrasil()
        self._admin = admin_of(settings, timeout=timeout)
        self._binding = Binding(allowed=(NODES,), machine=machine or ThisMachine(), device=interface)
        self.interface: str | None = interface

    async def node_id(self) -> NodeId:
        """Our own node's key. Raises OverlayDown if no node gives it, BadAddress if key and address don't match."""
        myself = await self._admin.myself()
        node = _node_of_key(myself.key)
        if node is None:
            raise OverlayDown("The Yggdrasil node gives a key that isn't one.")
        if parse_address(myself.address) != yggdrasil_address(node):
            raise BadAddress("The Yggdrasil node gives an address that doesn't belong to its key.")
        return node

    async def own_address(self) -> Address:
        """The address to which calls are bound, computed from our own key.

        Raises OverlayDown if the node or its device is down, BadAddress if a call must not bind the address.
        """
        own = yggdrasil_address(await self.node_id())
        self.interface = self._binding.bind(own).name
        return own

    async def address_of(self, node: NodeId) -> Address:
        """A node's address, computed from its key.

        Raises BadAddress for our own key or one that no node has, NodeUnreachable without a route, OverlayDown.
        """
        if not self._binding.holds():
            await self.own_address()
        address = yggdrasil_address(node)
        self._binding.refuse_remote(address)
        return address

    async def node_of(self, address: Address) -> NodeId | None:
        """The node with the address, if our own node exchanges packets with it now. Otherwise None.

        Raises OverlayDown if the node can't be asked, BadAddress if several nodes have that address.
        """
        nodes = {node for session in await self._admin.sessions() if (node := _node_of_key(session.key))}
        found = [node for node in nodes if _may_have(node, address)]
        if len(found) > 1:
            raise BadAddress("The Yggdrasil node gives more than one node for an address.")
        return found[0] if found else None

    async def connected(self) -> bool | None:
        """Whether a peer is connected: a configured one, one that has dialled us, or one found by multicast.

        Raises OverlayDown if the node doesn't say.
        """
        return any(peer.up for peer in await self._admin.peers())


def admin_of(settings: Yggdrasil, *, timeout: float = 5.0) -> YggdrasilAdmin:
    """The node's admin socket. The node may run as root, as ourselves, as a package's user or as the configured `user`.

    `timeout` is how many seconds one reply may take. Raises ConfigError for invalid settings.
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
