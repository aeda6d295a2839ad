"""How many messages about one stranger's contact cards the owner gets."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.messengers.rate_limit import RateLimit

MESSAGES, SECONDS = 5, 600.0
"At most MESSAGES in SECONDS; after them the owner hears once that there are more."

TOGETHER = 10
"From all strangers together in SECONDS: on many servers anybody can have as many accounts as they like."

EVERYBODY = ""


class StrangersCards:
    """A limit for each stranger, and one for all of them."""

    def __init__(self) -> None:
        self._messages = RateLimit(MESSAGES, seconds=SECONDS)
        self._together = RateLimit(TOGETHER, seconds=SECONDS)
        self._warnings = RateLimit(1, seconds=SECONDS)

    def allow(self, stranger: str, warn: Callable[[], None]) -> bool:
        """Whether the owner gets one more about that sender; if not, `warn` is called once in a while."""
        now = time.monotonic()
        if not self._messages.allows(stranger, now):
            about = stranger
        elif self._together.allows(EVERYBODY, now):
            return True
        else:
            about = EVERYBODY
        if self._warnings.allows(about, now) and (about == EVERYBODY or self._together.allows(EVERYBODY, now)):
            warn()
        return False
