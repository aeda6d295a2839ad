"""A way as the two people see it, for docs/telegram.md: written down by the test that walks it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.bot.telegram.people import Person
from tests.bot.telegram.world import Message

PAGE = Path(__file__).parents[3] / "docs" / "telegram.md"
WRITE = "COPYBARA_WRITE_DOCS"
"The environment variable with which the tests rewrite the page in place of comparing it: `make docs` sets it."

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


class Transcript:
    """One way, one line after the other."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._lines: list[str] = []

    def says(self, person: Person, where: str, text: str) -> None:
        """A human types."""
        self._line(f"{person.name}, {where}", text)

    def taps(self, person: Person, what: str) -> None:
        """A human taps."""
        self._line(f"{person.name} taps", f"👆 {what}")

    def sees(self, where: str, message: Message) -> None:
        """A message as it stands there now."""
        who = message.sender.name
        through = f" (by {message.through.name})" if message.through not in (None, message.sender) else ""
        self._line(f"{who}{through}" if who == where else f"{who}{through}, {where}", message.text)
        for row in message.rows:
            self._lines.append(f"{'':32}  " + "  ".join(f"[{button['text']}]" for button in row))

    def note(self, text: str) -> None:
        """What can't be seen, said by the narrator."""
        self._lines += ["", f"({text})"]

    def _line(self, who: str, text: str) -> None:
        for pattern, instead in _CHANGING:
            text = pattern.sub(instead, text)
        first, *more = text.splitlines()
        self._lines.append(f"{who:>32}  {first}")
        self._lines += [f"{'':32}  {line}" for line in more]

    def check(self) -> None:
        """Compare with the page, or write it there."""
        begin, end = f"<!-- transcript: {self._way} -->", "<!-- end of transcript -->"
        body = "\n".join(line.rstrip() for line in self._lines)
        block = f"{begin}\n\n```text\n{body.strip(chr(10))}\n```\n\n{end}"
        page = PAGE.read_text(encoding="utf-8")
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        assert pattern.search(page), f"docs/telegram.md has no place for the transcript {self._way!r}"
        if os.environ.get(WRITE):
            PAGE.write_text(pattern.sub(lambda _: block, page), encoding="utf-8")
        else:
            assert block in page, f"docs/telegram.md is out of date; run `make docs`. It should have:\n{block}"
