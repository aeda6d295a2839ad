"""The common interface of the networks in yggdrasil.py and staex.py, for tests that hold on both."""

from __future__ import annotations

import signal
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from shared.node_id import NodeId
from tests.network.capture import Conversation
from tests.network.namespaces import Hosts, Namespace


class OverlayNode(Protocol):
    """A running node of an overlay, on its host."""

    @property
    def host(self) -> Namespace: ...

    @property
    def node_id(self) -> NodeId: ...

    @property
    def device(self) -> str:
        """The overlay's device on this host. Its packets have no link layer."""

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """Its own address, as the node itself uses it."""

    @property
    def peering(self) -> Conversation:
        """On a leaf: the one TCP connection that may be on its wire. It changes with each start."""

    def address_of(self, other: OverlayNode) -> IPv4Address | IPv6Address:
        """The address of another node on this one."""

    async def start(self) -> None:
        """Start the overlay on this host again."""

    async def stop(self) -> None:
        """Stop the node and remove its device."""

    def signalled(self, number: signal.Signals) -> None:
        """Send its process a signal."""


class OverlayNetwork(Protocol):
    """Three nodes. A and B reach each other only through R, and R is itself the third node of the overlay."""

    @property
    def hosts(self) -> Hosts: ...

    @property
    def a(self) -> OverlayNode: ...

    @property
    def r(self) -> OverlayNode: ...

    @property
    def b(self) -> OverlayNode: ...

    async def until_reachable(self) -> None:
        """Return when each node can send to every other. Call it after a node has started again."""
