"""Sends an endpoint's tracks on its leg."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from aiortc.mediastreams import MediaStreamTrack

from peer.media.ending import end
from peer.transport.profile import MEDIA, Kind
from shared.errors import MediaError

if TYPE_CHECKING:
    from peer.transport.leg import Leg


class Sending:
    """The tracks that an endpoint sends now, if any."""

    def __init__(self) -> None:
        self._leg: Leg | None = None
        self._tracks: list[MediaStreamTrack] = []
        self._watching: asyncio.Task[None] | None = None

    async def start(
        self, leg: Leg, tracks: Iterable[MediaStreamTrack], tasks: asyncio.TaskGroup, *, endless: bool = True
    ) -> None:
        """Send these tracks instead of the previous ones. Raises LegFailed if the leg is gone.

        An `endless` track should only end with its leg. If one ends earlier, for example because its frames can't be
        made or encoded, a task in `tasks` fails with a MediaError.
        """
        await self.stop()
        self._leg, self._tracks = leg, list(tracks)
        for track in self._tracks:
            await leg.send(track)
        if endless and self._tracks:
            self._watching = tasks.create_task(_notice_end(leg, self._tracks))

    async def stop(self) -> None:
        """End the tracks and the senders that encode them."""
        watching, self._watching = self._watching, None
        await end(watching)
        leg, self._leg = self._leg, None
        tracks, self._tracks = self._tracks, []
        for track in tracks:
            track.stop()
        if leg is not None:
            for track in tracks:
                await leg.stop_sending(cast(Kind, track.kind))


async def _notice_end(leg: Leg, tracks: list[MediaStreamTrack]) -> None:
    ended: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    for track in tracks:
        if track.readyState == "live":
            track.add_listener("ended", lambda track=track: ended.put_nowait(track))
        else:
            ended.put_nowait(track)
    track = await ended.get()
    if leg.connected:
        raise MediaError(f"Your {MEDIA[cast(Kind, track.kind)].words} can't be sent any more.", "Call again.")
