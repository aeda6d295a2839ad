"""A call as two humans see it in Element, for docs/matrix.md. The test that makes the call writes it down."""

from __future__ import annotations

import re
from typing import Any

from tests.bot.page_transcript import PageTranscript

_CHANGING = (
    (re.compile(r"copybara:[A-Za-z0-9_-]{64}"), "copybara:Exq2…64 characters"),
    (re.compile(r"until \d\d:\d\d"), "until 14:10"),
)


class Transcript(PageTranscript):
    """The lines in order."""

    def __init__(self, name: str) -> None:
        super().__init__("matrix.md", name, width=30, changing=_CHANGING)

    def sees(self, who: str, message: dict[str, Any]) -> None:
        """Add a message that a human's app shows."""
        self.line(who, str(message["text"]))
