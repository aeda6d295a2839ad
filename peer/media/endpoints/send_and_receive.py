"""Joins two endpoints on one call: one that sends and one that receives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.media import Media

if TYPE_CHECKING:
    from peer.media import Endpoint
    from peer.transport.leg import Leg


class SendAndReceive:
    """A sender and a receiver as one endpoint. A file and a recorder, for example, make an answering machine."""

    def __init__(self, sender: Endpoint, receiver: Endpoint) -> None:
        self.name = f"{sender.name}+{receiver.name}"
        self._sender = sender
        self._receiver = receiver

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Attach the receiver, then the sender, so that the receiver misses nothing of the reply."""
        await self._receiver.attach(leg, media, tasks)
        await self._sender.attach(leg, media, tasks)

    async def detach(self) -> None:
        """Detach both, the sender first."""
        try:
            await self._sender.detach()
        finally:
            await self._receiver.detach()
