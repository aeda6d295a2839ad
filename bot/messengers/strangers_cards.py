"""Limits how many messages about strangers' contact cards the owner gets."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.messengers.rate_limit import RateLimit

MESSAGES, SECONDS = 5, 600.0
"At most MESSAGES about one stranger in SECONDS. After that, the owner reads once that there are more."

TOGETHER = 10
"At most this many about all strangers in SECONDS, because on many servers anybody can make many accounts."

EVERYBODY = ""


class StrangersCards:
    """A limit for each stranger, and one for all strangers together."""

    def __init__(self) -> None:
        self._messages = RateLimit(MESSAGES, seconds=SECONDS)
        self._together = RateLimit(TOGETHER, seconds=SECONDS)
        self._warnings = RateLimit(1, seconds=SECONDS)

    def allow(self, stranger: str, warn: Callable[[], None]) -> bool:
        """Whether the owner gets one more message about that sender. If not, `warn` is called once in a while."""
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
