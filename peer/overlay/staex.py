"""The Staex network: the node knows addresses that are valid on this machine only.

The same node has another address on every other node, so an address is asked for at each call and never passed on.
The node can't say which node an address belongs to.
"""

from __future__ import annotations

from ipaddress import ip_network

from peer.overlay import Address
from peer.overlay.addresses import PRIVATE, parse_address
from peer.overlay.binding import Binding
from peer.overlay.interfaces import Machine, ThisMachine
from peer.overlay.staex_api import StaexApi
from peer.overlay.staex_command import StaexCommand
from shared.config.schema import Staex
from shared.errors import NodeIdError, NodeUnreachable, OverlayDown
from shared.node_id import NodeId

SYSTEM_USERS = ("staex", "mcc")
"Users a node may run as, besides root and ourselves."


class StaexOverlay:
    """The Overlay of a Staex node on this machine."""

    name = "staex"

    def __init__(
        self,
        settings: Staex | None = None,
        machine: Machine | None = None,
        *,
        interface: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """`interface` is the overlay's device; None: the one that carries the own address, unless a default route
        leads to it. `timeout` is the seconds that one answer may take.

        Asks nothing yet. Raises ConfigError for settings that can't be used.
        """
        settings = settings or Staex()
        self._node: StaexApi | StaexCommand
        if settings.command:
            self._node = StaexCommand(settings.command, timeout=timeout)
        else:
            users = (*SYSTEM_USERS, *([settings.user] if settings.user else []))
            self._node = StaexApi(settings.api, allow_remote=settings.allow_remote_api, users=users, timeout=timeout)
        self._binding = Binding(
            allowed=tuple(map(ip_network, settings.range)) or PRIVATE,
            machine=machine or ThisMachine(),
            device=interface,
        )
        self.interface: str | None = interface

    async def node_id(self) -> NodeId:
        """The own node's id. Raises OverlayDown if the node doesn't tell it."""
        text = await self._node.own_id()
        if not text:
            raise OverlayDown(
                f"{self._node.where} answers, but gives no node id.", "Start the Staex node; `mcc id` should print it."
            )
        try:
            return NodeId.parse(text)
        except NodeIdError as error:
            raise OverlayDown(f"{self._node.where} answered with something that isn't a node id.") from error

    async def own_address(self) -> Address:
        """The address that calls are bound to: what the own id resolves to on this machine.

        Raises OverlayDown if the node or its device is down, BadAddress if the address must not be bound.
        """
        text = await self._node.resolve(await self.node_id())
        if not text:
            raise OverlayDown(f"{self._node.where} gives no address for this machine's own node.")
        own = parse_address(text)
        self.interface = self._binding.bind(own).name
        return own

    async def address_of(self, node: NodeId) -> Address:
        """The address that the node has on this machine now.

        Raises NodeUnreachable if the own node knows none, BadAddress if a call must not touch it, OverlayDown.
        """
        if not self._binding.holds():
            await self.own_address()
        text = await self._node.resolve(node)
        if not text:
            raise NodeUnreachable(f"Your Staex node knows no way to the node {node.short}….")
        address = parse_address(text)
        self._binding.refuse_remote(address)
        return address

    async def node_of(self, address: Address) -> NodeId | None:
        """Always None: a Staex node has no way to ask whose an address is."""
        return None

    async def connected(self) -> bool | None:
        """Always None: nor whom it is connected to."""
        return None
