"""How many messages about one stranger's contact cards the owner gets."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.messengers.rate_limit import RateLimit

MESSAGES, SECONDS = 5, 600.0
"At most MESSAGES in SECONDS; after them the owner hears once that there are more."


class StrangersCards:
    """A limit for each stranger."""

    def __init__(self) -> None:
        self._messages = RateLimit(MESSAGES, seconds=SECONDS)
        self._warnings = RateLimit(1, seconds=SECONDS)

    def allow(self, stranger: str, warn: Callable[[], None]) -> bool:
        """Whether the owner gets one more about that sender; if not, `warn` is called once in a while."""
        now = time.monotonic()
        if self._messages.allows(stranger, now):
            return True
        if self._warnings.allows(stranger, now):
            warn()
        return False
