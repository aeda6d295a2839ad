"""Media in real time: when each frame is due."""

from __future__ import annotations

import asyncio

SLACK = 0.1
"Seconds a frame may be late before the whole schedule moves."


class FramePace:
    """The common schedule of the tracks of one endpoint, on the event loop's clock.

    The first frame asked for is due at once, every other one as much later as its position is. After a stall (a slow
    disk, a suspended machine) the schedule moves as a whole: frames keep their distance, sound and picture stay
    together, and nothing is sent in a burst to catch up.
    """

    def __init__(self) -> None:
        self._origin: float | None = None

    async def until(self, position: float) -> None:
        """Wait until the frame at `position`, in seconds from the start of the media, is due."""
        now = asyncio.get_running_loop().time()
        if self._origin is None or now - (self._origin + position) > SLACK:
            self._origin = now - position
        await asyncio.sleep(self._origin + position - now)
