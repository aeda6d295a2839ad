"""The clock of media that is played in real time: when each frame is due."""

from __future__ import annotations

import asyncio

SLACK = 0.1
"A frame may be late by this many seconds. If it is later, the whole schedule moves."


class FramePace:
    """The common schedule of an endpoint's tracks, on the event loop's clock.

    The first frame is due at once, and each later frame at its position after that. After a stall, such as a slow disk
    or a suspended machine, the whole schedule moves. Frames keep their distance, sound and picture stay together, and
    no burst of late frames is sent.
    """

    def __init__(self) -> None:
        self._origin: float | None = None

    async def until(self, position: float) -> None:
        """Wait until the frame at `position`, in seconds from the start of the media, is due."""
        now = asyncio.get_running_loop().time()
        if self._origin is None or now - (self._origin + position) > SLACK:
            self._origin = now - position
        await asyncio.sleep(self._origin + position - now)
