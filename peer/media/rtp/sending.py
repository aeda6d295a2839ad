"""What an endpoint sends on the leg that it is attached to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from aiortc.mediastreams import MediaStreamTrack

from peer.transport.profile import Kind

if TYPE_CHECKING:
    from peer.transport.leg import Leg


class Sending:
    """The tracks that are sent now, if any."""

    def __init__(self) -> None:
        self._leg: Leg | None = None
        self._tracks: list[MediaStreamTrack] = []

    async def start(self, leg: Leg, tracks: Iterable[MediaStreamTrack]) -> None:
        """Send these tracks, and nothing any more that was sent before. Raises LegFailed if the leg is gone."""
        await self.stop()
        self._leg, self._tracks = leg, list(tracks)
        for track in self._tracks:
            await leg.send(track)

    async def stop(self) -> None:
        """End the tracks and the senders that encode them."""
        leg, self._leg = self._leg, None
        tracks, self._tracks = self._tracks, []
        for track in tracks:
            track.stop()
        if leg is not None:
            for track in tracks:
                await leg.stop_sending(cast(Kind, track.kind))
