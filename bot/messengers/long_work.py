"""Work on the event loop that may be long, in steps: the media's tasks, and all others, get their turn in between."""

from __future__ import annotations

import asyncio


class LongWork:
    """Counts what was done."""

    def __init__(self, every: int) -> None:
        """So many things are done in one go."""
        self._every = every
        self._done = 0

    async def pause(self) -> None:
        """One more was done."""
        self._done += 1
        if self._done % self._every == 0:
            await asyncio.sleep(0)
