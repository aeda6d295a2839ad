"""Limits the time for requests that depend on others' servers: our homeserver asks them first, and they may not reply.

A room's members, the events that a sync left out, and people's devices come from there. The owner's commands and
everybody's links wait meanwhile. So these requests get little time, and a failed one isn't repeated for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

OTHERS_SECONDS = 5.0
"The time for one room's list of members; in one sync, for all strangers' pages, and for all strangers' keys."

SERVER_SECONDS = 4.0
"How long the homeserver waits for another server before it replies without it."

AWAY_SECONDS = 300.0
"How long a failed request isn't repeated if something else would wait for it."


class Away:
    """The names of what couldn't be fetched lately."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        return self._until.get(name, 0.0) > time.monotonic()

    def add(self, *names: str) -> None:
        """Note that these couldn't be fetched."""
        now = time.monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._until.update(dict.fromkeys(names, now + AWAY_SECONDS))

    def available(self, names: Iterable[str]) -> list[str]:
        """The names that may be asked for now."""
        return [name for name in names if name not in self]


class Patience:
    """A time limit of OTHERS_SECONDS for several requests together. It starts with the first one."""

    def __init__(self) -> None:
        self._end: float | None = None

    def deadline(self) -> float:
        """When the time is over, on the event loop's clock."""
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + OTHERS_SECONDS
        return self._end
