"""What may still become a leg: the acceptances of a first contact that were read, true or forged. Pure.

Anybody in the chat can write an acceptance, and as many as they like. Only the true callee can make a check with the
credentials of one, so each is kept as plain values until such a check arrives. Nothing is sent to the ports that they
name, and no keys, sockets or tasks are made for them.
"""

from __future__ import annotations

from peer.calls.attempts import Attempt

KEPT_FIRST = 1024
KEPT_LATEST = 1024
"""How many are kept, about 1 kB each: the first that came and never give way, and the latest.

Somebody who wants to crowd out the true one needs as many messages before it and as many after it."""


class Acceptances:
    """Attempts, by the username fragment that the other side's checks would carry."""

    def __init__(self) -> None:
        self._first: dict[str, Attempt] = {}
        self._latest: dict[str, Attempt] = {}
        "The oldest first."

    def __len__(self) -> int:
        return len(self._first) + len(self._latest)

    def add(self, attempt: Attempt) -> None:
        """Keep one. Beyond KEPT_FIRST + KEPT_LATEST it replaces the oldest of the latest."""
        kept = self._first if len(self._first) < KEPT_FIRST else self._latest
        kept[attempt.username] = attempt
        if len(self._latest) > KEPT_LATEST:
            del self._latest[next(iter(self._latest))]

    def of(self, username: str) -> Attempt | None:
        """The one whose checks carry that username fragment."""
        return self._first.get(username) or self._latest.get(username)

    def remove(self, attempt: Attempt) -> None:
        """Keep it no longer. Does nothing if it isn't here."""
        for kept in (self._first, self._latest):
            kept.pop(attempt.username, None)

    def clear(self) -> None:
        """Keep none any longer."""
        self._first.clear()
        self._latest.clear()
