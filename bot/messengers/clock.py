"""Which of the two clocks is wrong: this machine's, or the one that a messenger's dates are from. Pure.

Whether a command is from long ago is a question of the server's clock alone: it dated the message, and its answers say
what time it is there. This machine's may be an hour off, and then nothing that the owner writes would be carried out.
"""

from __future__ import annotations

import email.utils

TOLERANCE_SECONDS = 60.0
"A difference that nobody needs to hear of: links stand two minutes."

TOLD_SECONDS = 6 * 3600.0
"How often the owner hears that their clock is off."


class Clock:
    """What is known of the server's clock."""

    def __init__(self) -> None:
        self._by_answers = 0.0
        self._by_messages: float | None = None

    @property
    def ahead(self) -> float:
        """By how many seconds this machine's clock is ahead of the server's, as far as is known."""
        return self._by_answers if self._by_messages is None else self._by_messages

    def server_said(self, date: float, now: float) -> None:
        """An answer that has just arrived says it is `date` there; here it is `now`. Both in Unix seconds."""
        self._by_answers = now - date

    def new_message(self, date: float, now: float, *, at_most: float) -> None:
        """A message that can't be older than `at_most` seconds is dated so."""
        behind = now - date
        # Up to `at_most` it may simply have been on its way.
        self._by_messages = behind if behind > at_most + TOLERANCE_SECONDS else min(behind, 0.0)

    def age(self, date: float, now: float) -> float:
        """How many seconds ago the server's clock showed `date`."""
        return now - self.ahead - date


class ClockNews:
    """Says once in a while that the clock is off."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def due(self, ahead: float, now: float) -> bool:
        """Whether the owner is to hear of it; `now` is in seconds of a monotonic clock."""
        if abs(ahead) <= TOLERANCE_SECONDS or now < self._told + TOLD_SECONDS:
            return False
        self._told = now
        return True


def http_date(date: str) -> float | None:
    """An HTTP date (RFC 9110, 5.6.7) as Unix seconds; None for anything else."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
