"""What hangs on servers of others: the homeserver asks them before it answers, and they needn't answer at all.

Who is in a room, what a sync has left out of it, and whose device is whose come from there. The owner's commands and
everybody's links wait behind that, so it gets little time, and what doesn't come isn't asked for again for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

OTHERS_SECONDS = 5.0
"For the list of one room's members, and in one sync for all strangers' pages, and for all strangers' keys, together."

SERVER_SECONDS = 4.0
"How long the homeserver waits for another one before it answers without it."

AWAY_SECONDS = 300.0
"How long what doesn't come isn't asked for again, where something else would wait for it."


class Away:
    """What didn't come lately, by name."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        return self._until.get(name, 0.0) > time.monotonic()

    def add(self, *names: str) -> None:
        """These didn't come."""
        now = time.monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._until.update(dict.fromkeys(names, now + AWAY_SECONDS))

    def there(self, names: Iterable[str]) -> list[str]:
        """Those of them that may be asked for."""
        return [name for name in names if name not in self]


class Patience:
    """OTHERS_SECONDS for several requests together, from the first on."""

    def __init__(self) -> None:
        self._end: float | None = None

    def at(self) -> float:
        """When it ends, on the event loop's clock."""
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + OTHERS_SECONDS
        return self._end
