"""An endpoint that waits for its owner's permission, in a call that continues although the owner may have left."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from peer.media.ending import end
from shared.errors import LegFailed
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import Endpoint
    from peer.transport.leg import Leg


class WaitForOwner:
    """Wraps an endpoint. Until `release`, it sends nothing, and the leg only counts what arrives."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._released = asyncio.Event()
        self._waiting: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Attach the endpoint once it is released.

        If it is released already, raises what the endpoint's `attach` raises.
        """
        await self._stop()
        if self._released.is_set():
            await self._endpoint.attach(leg, media, tasks)
        else:
            self._waiting = tasks.create_task(self._begin(leg, media, tasks))

    async def release(self) -> None:
        """Let the endpoint begin, on this leg and all later legs."""
        self._released.set()

    async def detach(self) -> None:
        """Detach the endpoint."""
        await self._stop()
        await self._endpoint.detach()

    async def _begin(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        await self._released.wait()
        # The session notices the lost leg, and attaches the next one.
        with contextlib.suppress(LegFailed):
            if leg.connected:
                await self._endpoint.attach(leg, media, tasks)

    async def _stop(self) -> None:
        waiting, self._waiting = self._waiting, None
        await end(waiting)
