"""Breaks long work on the event loop into steps, so that other tasks, such as the media's, run in between."""

from __future__ import annotations

import asyncio


class LongWork:
    """Counts steps of work."""

    def __init__(self, every: int) -> None:
        """`every` is the number of steps between two breaks."""
        self._every = every
        self._done = 0

    async def pause(self) -> None:
        """Count one step, and let other tasks run if a break is due."""
        self._done += 1
        if self._done % self._every == 0:
            await asyncio.sleep(0)
