"""Binds a call's UDP socket to the overlay's address and device, and moves it when these change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from peer.overlay import Address, Overlay
from peer.transport.connections import Connections, StrayCheck
from peer.transport.udp_socket import OverlaySocket
from shared.errors import BadAddress, OverlayError, PortTaken
from shared.node_id import NodeId

logger = logging.getLogger(__name__)

PACE_SECONDS = 0.5
"Seconds between two questions to an overlay that is coming up again."


class OpenSocket(Protocol):
    """Opens a socket, as OverlaySocket.open does."""

    async def __call__(
        self,
        local: Address,
        remote: Address,
        *,
        interface: str | None,
        port: int = 0,
        connections: Connections | None = None,
    ) -> OverlaySocket: ...


@dataclass(frozen=True, slots=True)
class CallSockets:
    """Makes the sockets of one node's calls."""

    overlay: Overlay
    overlay_up: Callable[[], Awaitable[object]]
    "Returns when the overlay can be used."

    open_socket: OpenSocket = OverlaySocket.open

    def to(self, peer: NodeId, stray_check: StrayCheck, port: int = 0) -> CallSocket:
        """The socket of a call with that node, see CallSocket."""
        return CallSocket(
            self.overlay,
            peer,
            open_socket=self.open_socket,
            overlay_up=self.overlay_up,
            stray_check=stray_check,
            port=port,
        )


class CallSocket:
    """The socket of one call. It keeps its port wherever it is moved."""

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
        """`overlay_up` returns when the overlay can be used.

        `stray_check` is asked about checks for no connection, see Connections. `port` is the UDP port to bind, 0: the
        system chooses.
        """
        self.socket: OverlaySocket | None = None
        "None until it is bound."

        self.port = port
        "Our UDP port, once it is bound."

        self._overlay = overlay
        self._peer = peer
        self._open_socket = open_socket
        self._overlay_up = overlay_up
        self._connections = Connections(stray_check)
        self._moved = asyncio.Event()
        self._binding = asyncio.Lock()

    async def bind(self) -> int:
        """Bind the socket, or move it to where the overlay is by now; return its port.

        Raises OverlayError when the overlay is down, knows no way to the peer, or gives an address that no call may
        use.
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
        """Bind or move the socket as `bind` does, but wait while the overlay is down. Raises PortTaken."""
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
        """Note whether a leg was lost: what the other side still sends on it is no attack."""
        self._connections.path_lost(lost)

    def overlay_changed(self) -> None:
        """The overlay's device or address has appeared, gone or changed: `follow` looks."""
        self._moved.set()

    async def follow(self, moved: Callable[[], None]) -> None:
        """Move the socket whenever the overlay has changed, until cancelled; then call `moved`. Raises PortTaken."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self.socket is not None:
                await self.bind_in_time()
                moved()

    async def check_owner(self) -> None:
        """Ask the overlay which node has the other side's address, if it can tell.

        Raises BadAddress if it isn't the peer.
        """
        assert self.socket is not None
        try:
            owner = await self._overlay.node_of(self.socket.remote)
        except OverlayError:
            # The leg's own keys have proved who is there; this checks it a second time.
            return
        if owner is not None and owner != self._peer:
            raise BadAddress("The overlay says that the address belongs to another node than the one called.")

    async def close(self, *, linger: bool) -> None:
        """Close the socket. `linger`: first drop what still comes for a moment, see OverlaySocket.leave."""
        if self.socket is None:
            return
        try:
            if linger:
                await self.socket.leave()
        finally:
            self.socket.close()
