"""A call as two humans see it in Element, for docs/matrix.md. The test that makes the call writes it down."""

from __future__ import annotations

import re
from typing import Any

from tests.bot.page_transcript import PageTranscript

_CHANGING = (
    (re.compile(r"copybara:[A-Za-z0-9_-]{64}"), "copybara:Exq2…64 characters"),
    (re.compile(r"until \d\d:\d\d"), "until 14:10"),
)


_CHOICE = re.compile(r"\b\d+(?=: )")


class Transcript(PageTranscript):
    """The lines in order. A bot counts its choices on from call to call, but a page shows each call as the first."""

    def __init__(self, name: str) -> None:
        super().__init__("matrix.md", name, width=30, changing=_CHANGING)
        self._shown: dict[str, str] = {}
        "The number on the page for each of the last message."

    def sees(self, who: str, message: dict[str, Any]) -> None:
        """Add a message that a human's app shows."""
        head, reply, choices = str(message["text"]).partition("Reply ")
        self._shown = {number: str(place) for place, number in enumerate(_CHOICE.findall(choices), 1)}
        self.line(who, head + reply + _CHOICE.sub(lambda found: self._shown[found[0]], choices))

    def says(self, who: str, number: str) -> None:
        """Add the reply to that message."""
        self.line(who, self._shown[number])
