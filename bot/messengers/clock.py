"""Compares this machine's clock with the clock that dates a messenger's messages. Pure.

The age of a command depends on the server's clock alone: the server dated the message, and its replies tell the time
there. This machine's clock may be an hour off. If it counted, no command of the owner would be carried out.
"""

from __future__ import annotations

import email.utils

TOLERANCE_SECONDS = 60.0
"A difference up to this is no problem, because links are valid for two minutes."

TOLD_SECONDS = 6 * 3600.0
"The least time between two warnings that the clock is off."


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
        """Note a reply that has just come: it is `date` at the server and `now` here. Both are in Unix seconds."""
        self._by_answers = now - date

    def new_message(self, date: float, now: float, *, at_most: float) -> None:
        """Note a message with this date that is at most `at_most` seconds old."""
        behind = now - date
        # A difference of up to `at_most` may be the time that the message took to arrive.
        self._by_messages = behind if behind > at_most + TOLERANCE_SECONDS else min(behind, 0.0)

    def age(self, date: float, now: float) -> float:
        """How many seconds ago the server's clock showed `date`."""
        return now - self.ahead - date


class ClockNews:
    """Decides when the owner should hear again that the clock is off."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def due(self, ahead: float, now: float) -> bool:
        """Whether to tell the owner. `now` is in seconds of a monotonic clock."""
        if abs(ahead) <= TOLERANCE_SECONDS or now < self._told + TOLD_SECONDS:
            return False
        self._told = now
        return True


def http_date(date: str) -> float | None:
    """An HTTP date (RFC 9110, 5.6.7) in Unix seconds. None for anything else."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
