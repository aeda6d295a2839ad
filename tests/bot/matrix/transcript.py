"""A call as two humans see it in Element, for docs/matrix.md: written down by the test that makes it."""

from __future__ import annotations

import re
from typing import Any

from tests.bot.page_transcript import PageTranscript

_CHANGING = (
    (re.compile(r"copybara:[A-Za-z0-9_-]{64}"), "copybara:Exq2…64 characters"),
    (re.compile(r"until \d\d:\d\d"), "until 14:10"),
)


class Transcript(PageTranscript):
    """One line after the other."""

    def __init__(self, name: str) -> None:
        super().__init__("matrix.md", name, width=30, changing=_CHANGING)

    def sees(self, who: str, message: dict[str, Any]) -> None:
        """What a human's app shows."""
        self.line(who, str(message["text"]))
