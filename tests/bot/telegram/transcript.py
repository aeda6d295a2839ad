"""A way as the two people see it, for docs/telegram.md. The test that goes that way writes it down."""

from __future__ import annotations

import re

from tests.bot.page_transcript import PageTranscript
from tests.bot.telegram.people import Person
from tests.bot.telegram.world import Message

_CHANGING = (
    (re.compile(r"(start=|copybara(?::|%3A))[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])"), r"\1Exq2…64 characters"),
    (re.compile(r"(start=|copybara(?::|%3A))[A-Za-z0-9_-]{65,}"), r"\1EQNp…128 or more"),
    (re.compile(r"\b[0-9a-z]{52}\b"), "h8syf1xc…"),
    (re.compile(r"\bnode [0-9a-z]{8}…"), "node h8syf1xc…"),
    (re.compile(r"good until \d\d:\d\d"), "good until 14:10"),
    (
        re.compile(r"(?m)^\d+:\d\d, .*$"),
        "0:10, good connection (1 ms, 0.0% lost), 127.26.4.9:40312 to 127.90.7.201:51977",
    ),
    (re.compile(r"(by voice: ).*"), r"\1lamp ocean pepper vault"),
)


class Transcript(PageTranscript):
    """One way, line by line."""

    def __init__(self, way: str) -> None:
        super().__init__("telegram.md", way, width=32, changing=_CHANGING)

    def says(self, person: Person, where: str, text: str) -> None:
        """A human types."""
        self.line(f"{person.name}, {where}", text)

    def taps(self, person: Person, what: str) -> None:
        """A human taps."""
        self.line(f"{person.name} taps", f"👆 {what}")

    def sees(self, where: str, message: Message) -> None:
        """A message as it is shown now."""
        who = message.sender.name
        through = f" (by {message.through.name})" if message.through not in (None, message.sender) else ""
        self.line(f"{who}{through}" if who == where else f"{who}{through}, {where}", message.text)
        for row in message.rows:
            self.lines.append(f"{'':32}  " + "  ".join(f"[{button['text']}]" for button in row))

    def note(self, text: str) -> None:
        """The narrator says what can't be seen."""
        self.lines += ["", f"({text})"]
