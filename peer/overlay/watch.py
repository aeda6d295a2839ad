"""Notices during a run when the overlay goes away, changes its address, and comes back.

The kernel reports when the overlay's device or address goes. Then the node is asked at once. But a node doesn't report
that it has stopped working, or lost its HTTP service or its socket. So it is also asked at intervals, and more often
while it is down, because somebody may be waiting.

A running node may have no connection to another node. That is asked too, and is no error: calls are placed and answered
all the same, and connect once the node is connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from peer.overlay import Address, Overlay
from peer.overlay.device_events import DeviceEvents
from peer.overlay.interfaces import Machine, ThisMachine, device_number
from shared.errors import OverlayDown, OverlayError
from shared.node_id import NodeId

WHILE_UP = 15.0
WHILE_DOWN = 3.0
"The time between two questions, in seconds."

PEERS_SECONDS = 1.0
"How long the node may take to say whether it is connected. Calls wait for this, and work without it."

SETTLE = 0.1
"How many seconds the kernel gets to finish a change: a device that comes up causes many events."


@dataclass(frozen=True, slots=True)
class OverlayState:
    """The overlay's state when it was last asked."""

    node: NodeId | None = None
    address: Address | None = None
    interface: str | None = None

    device: int | None = None
    "The kernel's number of the interface. A new interface has another number, and sockets on the old one are lost."

    connected: bool | None = None
    "Whether the node is connected to another node. None if that isn't known."

    error: OverlayError | None = None
    "Why no call can be made now. None while calls can be made."

    @property
    def up(self) -> bool:
        """Whether calls can be made: the node replies, and there is an address to bind."""
        return self.error is None

    @property
    def alone(self) -> bool:
        """Whether the node runs without a connection to another node, so that nobody can be reached."""
        return self.error is None and self.connected is False


class OverlayWatch:
    """Watches one overlay. `state` is the last state."""

    def __init__(
        self,
        overlay: Overlay,
        machine: Machine | None = None,
        *,
        while_up: float = WHILE_UP,
        while_down: float = WHILE_DOWN,
    ) -> None:
        """`while_up` and `while_down` are the seconds between two questions to the node."""
        self._overlay = overlay
        self._machine = machine or ThisMachine()
        self._while_up = while_up
        self._while_down = while_down
        self._node: NodeId | None = None
        self._connected: bool | None = None
        self._without_peer: float | None = None
        "Since when the node has said each time that it isn't connected, on the loop's clock."

        self.state = OverlayState(error=OverlayDown("The overlay node hasn't been asked yet."))
        self._up = asyncio.Event()

    async def check(self) -> OverlayState:
        """Ask the overlay now, and store the result in `state`. Raises nothing."""
        first = self._node is None
        try:
            node = await self._overlay.node_id()
            if self._node is not None and node != self._node:
                # Links in chats and other people's contacts have the old id. The owner must decide about a new one.
                raise OverlayDown(
                    f"The overlay node is another one than at the start ({node.short}…, not {self._node.short}…).",
                    "Give the node its old key back, or start copybara again.",
                )
            address = await self._overlay.own_address()
        except OverlayError as error:
            self.state = OverlayState(node=self._node, error=error)
            self._connected = self._without_peer = None
            self._up.clear()
        else:
            self._node = node
            interface = self._overlay.interface
            await self._ask_connected(at_once=first)
            self.state = OverlayState(node, address, interface, device_number(interface), self._connected)
            self._up.set()
        return self.state

    async def _ask_connected(self, *, at_once: bool) -> None:
        """Ask whether the node is connected to another node. If it doesn't reply in time, the last answer stays.

        A peer that reconnects is gone for a moment, and a restarted node has no peer yet. So unless `at_once`, the node
        must be unconnected for `while_down` before that counts.
        """
        try:
            async with asyncio.timeout(PEERS_SECONDS):
                connected = await self._overlay.connected()
        except (OverlayError, TimeoutError):
            return
        if connected is not False:
            self._connected, self._without_peer = connected, None
            return
        now = asyncio.get_running_loop().time()
        if self._without_peer is None:
            self._without_peer = now
        if at_once or now - self._without_peer >= self._while_down:
            self._connected = False

    def require(self) -> OverlayState:
        """The last state if calls can be made. Otherwise raises the reason, an OverlayError."""
        if (error := self.state.error) is not None:
            raise type(error)(error.sentence, error.hint)
        return self.state

    async def until_up(self) -> None:
        """Ask the overlay now, and return once calls can be made. `run` notices when it is back."""
        await self.check()
        await self._up.wait()

    async def run(self, changed: Callable[[OverlayState], Awaitable[None]]) -> None:
        """Watch until cancelled. `changed` gets the first state, and each state that differs from the one before."""
        async with DeviceEvents() as events:
            before: OverlayState | None = None
            while True:
                events.happened.clear()
                now = await self.check()
                if before is None or _differ(before, now):
                    await changed(now)
                before = now
                await self._until_due(now, events)

    async def _until_due(self, now: OverlayState, events: DeviceEvents) -> None:
        """Wait until it is time to ask again, or for an event that may concern the overlay."""
        with suppress(TimeoutError):
            settled = now.up and self._without_peer is None
            async with asyncio.timeout(self._while_up if settled else self._while_down):
                while True:
                    await events.happened.wait()
                    await asyncio.sleep(SETTLE)
                    events.happened.clear()
                    if not self._stands(now):
                        return

    def _stands(self, state: OverlayState) -> bool:
        """Whether the device and the address are unchanged, so that the event was about something else."""
        if not state.up or state.address is None or state.device != device_number(state.interface):
            return False
        try:
            interfaces = self._machine.interfaces()
        except OverlayError:
            return False
        return any(
            interface.name == state.interface and interface.up and interface.carries(state.address)
            for interface in interfaces
        )


def _differ(before: OverlayState, now: OverlayState) -> bool:
    if before.error is not None and now.error is not None:
        return (type(before.error), before.error.sentence) != (type(now.error), now.error.sentence)
    return before != now
