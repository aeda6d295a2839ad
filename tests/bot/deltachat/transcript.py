"""What people see in Delta Chat, for docs/deltachat.md. The test that goes through it writes it down."""

from __future__ import annotations

import re

from tests.bot.page_transcript import PageTranscript

_CHANGING = (
    (re.compile(r"(copybara:)[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])"), r"\1Exq2…64 characters"),
    (re.compile(r"(copybara:)[A-Za-z0-9_-]{65,}"), r"\1EQNp…128 or more"),
    (re.compile(r"\b[0-9a-z]{52}\b"), "h8syf1xc…"),
    (re.compile(r"\bnode [0-9a-z]{8}…"), "node h8syf1xc…"),
)


def check(name: str, lines: list[tuple[str, str]]) -> None:
    """Compare the lines with the page, or write them there."""
    transcript = PageTranscript("deltachat.md", name, width=16, changing=_CHANGING)
    for who, text in lines:
        transcript.line(who, text)
    transcript.check()
