"""A network in memory: a call's sockets without the kernel's, so that two sessions need only an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from peer.overlay import Address
from peer.overlay.loopback import loopback_address
from peer.transport.connections import Connections
from peer.transport.udp_socket import OverlaySocket
from shared.errors import NodeUnreachable, OverlayDown, PortTaken
from shared.node_id import NodeId

FIRST_PORT = 40_000

Place = tuple[str, int]
"Host and UDP port."


class MemoryNetwork:
    """Carries datagrams in order between sockets that `open` has made, except those that `drops` chooses."""

    def __init__(self) -> None:
        self.drops: Callable[[bytes, Place, Place], bool] = lambda datagram, source, destination: False
        "Whether a datagram is lost, from its bytes, source and destination."

        self.sent: list[tuple[Place, Place, bytes]] = []
        "Every datagram that was sent: source, destination and bytes."

        self.happened = asyncio.Event()
        "Set with every datagram, and with every socket that is closed."

        self._bound: dict[Place, MemorySocket] = {}
        self._next = FIRST_PORT

    async def open(
        self,
        local: Address,
        remote: Address,
        *,
        interface: str | None,
        port: int = 0,
        connections: Connections | None = None,
    ) -> OverlaySocket:
        """Make a socket on this network, as OverlaySocket.open makes one of the kernel's. Raises PortTaken."""
        sock = MemorySocket(local, remote, self)
        if connections is not None:
            sock.connections, sock.counters = connections, connections.counters
        sock.port = port
        await sock._bind(interface)
        return sock

    def bind(self, host: str, port: int, sock: MemorySocket) -> int:
        """Bind a socket to a port, or to a free one for 0, and return the port. Raises PortTaken."""
        if not port:
            port = self._next
            self._next += 1
        if (host, port) in self._bound:
            raise PortTaken
        self._bound[host, port] = sock
        return port

    def release(self, place: Place) -> None:
        """Free a place for another socket."""
        self._bound.pop(place, None)
        self.happened.set()

    def carry(self, datagram: bytes, source: Place, destination: Place) -> None:
        """Deliver a datagram in a later turn of the event loop, unless it is lost or the destination has no socket."""
        self.sent.append((source, destination, datagram))
        self.happened.set()
        if not self.drops(datagram, source, destination):
            asyncio.get_running_loop().call_soon(self._deliver, datagram, source, destination)

    def _deliver(self, datagram: bytes, source: Place, destination: Place) -> None:
        sock = self._bound.get(destination)
        if sock is not None:
            sock.datagram_received(datagram, source)


class MemorySocket(OverlaySocket):
    """A call's socket on such a network."""

    def __init__(self, local: Address, remote: Address, network: MemoryNetwork) -> None:
        super().__init__(local, remote)
        self._network = network

    async def _bind(self, interface: str | None) -> None:
        self.port = self._network.bind(str(self.local), self.port, self)
        transport = MemoryTransport(self, self._network, (str(self.local), self.port))
        self.connection_made(cast(asyncio.BaseTransport, transport))


NO_SOCKET = socket.socket()
"A closed socket, because no filter of the kernel applies here."
NO_SOCKET.close()


class MemoryTransport:
    """The part of BurstTransport that a call's socket uses."""

    def __init__(self, sock: MemorySocket, network: MemoryNetwork, place: Place) -> None:
        self._sock = sock
        self._network = network
        self._place = place
        self._closing = False

    def get_extra_info(self, name: str) -> Any:
        return {"sockname": self._place, "socket": NO_SOCKET}[name]

    def is_closing(self) -> bool:
        return self._closing

    def sendto_all(self, datagrams: list[bytes], destination: Place) -> None:
        for datagram in datagrams:
            self._network.carry(datagram, self._place, destination)

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self._network.release(self._place)
            asyncio.get_running_loop().call_soon(self._sock.connection_lost, None)


class MemoryOverlay:
    """The overlay of one node on such a network. Every node has the loopback overlay's address."""

    name = "memory"
    interface: str | None = None

    def __init__(self, own: NodeId) -> None:
        self.own = own
        self.down = False
        "Whether the node's overlay can't be used."

    async def node_id(self) -> NodeId:
        return self.own

    async def own_address(self) -> Address:
        if self.down:
            raise OverlayDown
        return loopback_address(self.own)

    async def address_of(self, node: NodeId) -> Address:
        if self.down:
            raise NodeUnreachable
        return loopback_address(node)

    async def node_of(self, address: Address) -> NodeId | None:
        return None

    async def connected(self) -> bool | None:
        return None
