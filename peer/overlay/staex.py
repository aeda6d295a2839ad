"""The Staex network: its node gives addresses that are valid only on this machine.

The same node has another address on every other node. So an address is asked for at each call and never passed on. The
node can't say which node has an address.
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
"The users that a node may run as, besides root and ourselves."


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
        """`interface` is the overlay's device; None: the device with our own address, unless it has a default route.

        `timeout` is how many seconds one reply may take. Nothing is asked yet. Raises ConfigError for invalid settings.
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
        """Our own node's id. Raises OverlayDown if the node doesn't give it."""
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
        """The address to which calls are bound: the one that our own id resolves to on this machine.

        Raises OverlayDown if the node or its device is down, BadAddress if a call must not bind the address.
        """
        text = await self._node.resolve(await self.node_id())
        if not text:
            raise OverlayDown(f"{self._node.where} gives no address for this machine's own node.")
        own = parse_address(text)
        self.interface = self._binding.bind(own).name
        return own

    async def address_of(self, node: NodeId) -> Address:
        """The present address of a node on this machine.

        Raises NodeUnreachable if our node knows none, BadAddress if a call must not use it, OverlayDown.
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
        """Always None: a Staex node can't say which node has an address."""
        return None

    async def connected(self) -> bool | None:
        """Always None: a Staex node doesn't say whether it is connected."""
        return None
