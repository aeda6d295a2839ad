"""Where a call's UDP socket is bound: at the overlay's addresses and on its device, wherever these are by now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from peer.overlay import Address, Overlay
from peer.transport.connections import Connections, StrayCheck
from peer.transport.udp_socket import OverlaySocket
from shared.errors import BadAddress, OverlayError, PortTaken
from shared.node_id import NodeId

logger = logging.getLogger(__name__)

PACE_SECONDS = 0.5
"Between two questions to an overlay that comes back."


class OpenSocket(Protocol):
    """Binds a socket, as OverlaySocket.open does."""

    async def __call__(
        self,
        local: Address,
        remote: Address,
        *,
        interface: str | None,
        port: int = 0,
        connections: Connections | None = None,
    ) -> OverlaySocket: ...


class CallSocket:
    """One call's socket, which keeps its port through all moves."""

    def __init__(
        self,
        overlay: Overlay,
        peer: NodeId,
        *,
        open_socket: OpenSocket,
        overlay_up: Callable[[], Awaitable[object]],
        stray_check: StrayCheck,
        port: int = 0,
    ) -> None:
        """`overlay_up` returns when the overlay can be used, `stray_check` is of Connections.

        `port` is the one to bind, 0 to let the system choose.
        """
        self.socket: OverlaySocket | None = None
        "Once it is bound."

        self.port = port
        "Ours, once it is bound."

        self._overlay = overlay
        self._peer = peer
        self._open_socket = open_socket
        self._overlay_up = overlay_up
        self._connections = Connections(stray_check)
        self._moved = asyncio.Event()
        self._binding = asyncio.Lock()

    async def bind(self) -> int:
        """Bind the socket, or bind it again where the overlay is by now; return its port.

        Raises OverlayError when the overlay is down, knows no way to the peer, or gives an address that no call may
        touch.
        """
        async with self._binding:
            local = await self._overlay.own_address()
            remote = await self._overlay.address_of(self._peer)
            interface = self._overlay.interface
            if self.socket is None:
                self.socket = await self._open_socket(
                    local, remote, interface=interface, port=self.port, connections=self._connections
                )
                self.port = self.socket.port
            elif not self.socket.stands(local, remote, interface):
                await self.socket.move(local, remote, interface)
            return self.port

    async def bind_in_time(self) -> None:
        """Move the socket to where the overlay is, and wait for the overlay if it has none. Raises PortTaken."""
        while True:
            try:
                await self.bind()
                return
            except PortTaken:
                raise
            except OverlayError as error:
                bound = self.socket
                if bound is not None and bound.stands(bound.local, bound.remote, self._overlay.interface):
                    return  # packets may pass, although the node doesn't answer us
                logger.info("the port can't be bound yet: %s", error.sentence)
            # A new device may get its address after the node answers.
            await asyncio.sleep(PACE_SECONDS)
            await self._overlay_up()

    def path_lost(self, lost: bool) -> None:
        """Note whether a leg was lost: the other side may still send on it, and that isn't an attack."""
        self._connections.path_lost(lost)

    def overlay_changed(self) -> None:
        """The overlay's device or address came, went or changed: `follow` looks where it is."""
        self._moved.set()

    async def follow(self, moved: Callable[[], None]) -> None:
        """Keep the socket where the overlay is, until cancelled; `moved` is called each time. Raises PortTaken."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self.socket is not None:
                await self.bind_in_time()
                moved()

    async def check_owner(self) -> None:
        """Ask the overlay whose address the other side's is, where it can say. Raises BadAddress."""
        assert self.socket is not None
        try:
            owner = await self._overlay.node_of(self.socket.remote)
        except OverlayError:
            # The leg's own keys have proved who is there; this checks it a second time.
            return
        if owner is not None and owner != self._peer:
            raise BadAddress("The overlay says that the address belongs to another node than the one called.")

    async def close(self, *, linger: bool) -> None:
        """Close the socket; `linger`: drop what still comes for a moment first, which a connection needs."""
        if self.socket is None:
            return
        try:
            if linger:
                await self.socket.leave()
        finally:
            self.socket.close()
