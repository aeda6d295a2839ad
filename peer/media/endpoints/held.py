"""An endpoint that waits for its owner's word, in a call that goes on although nobody may be there any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.media import Media

if TYPE_CHECKING:
    from peer.media import Endpoint
    from peer.transport.leg import Leg


class Held:
    """Until it is released nothing is sent, and what arrives is counted and not taken in."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._released = False
        self._now: tuple[Leg, Media] | None = None
        self._attaching = asyncio.Lock()

    async def attach(self, leg: Leg, media: Media) -> None:
        """Attach the endpoint, if it was released. Raises as the endpoint does."""
        async with self._attaching:
            self._now = leg, media
            if self._released:
                await self._endpoint.attach(leg, media)

    async def release(self) -> None:
        """Let the endpoint begin, on this leg and all later ones. Raises as the endpoint does."""
        async with self._attaching:
            self._released = True
            if self._now is not None and self._now[0].connected:
                await self._endpoint.attach(*self._now)

    async def detach(self) -> None:
        """Detach the endpoint."""
        async with self._attaching:
            self._now = None
            await self._endpoint.detach()
