"""Which of the two clocks is wrong: this machine's, or the one that Telegram's dates are from. Pure.

Whether a command is from long ago is a question of Telegram's clock alone: it dated the message, and its answers say
what time it is there. This machine's may be an hour off, and then nothing that the owner writes would be carried out.
"""

from __future__ import annotations

TOLERANCE_SECONDS = 60.0
"A difference that nobody needs to hear of: links stand two minutes."


class Clock:
    """What is known of Telegram's clock."""

    def __init__(self) -> None:
        self._by_answers = 0.0
        self._by_messages: float | None = None

    @property
    def ahead(self) -> float:
        """By how many seconds this machine's clock is ahead of Telegram's, as far as is known."""
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
        """How many seconds ago Telegram's clock showed `date`."""
        return now - self.ahead - date

    @property
    def is_off(self) -> bool:
        """Whether the two differ by more than they should."""
        return abs(self.ahead) > TOLERANCE_SECONDS
