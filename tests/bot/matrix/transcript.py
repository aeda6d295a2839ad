"""A call as two humans see it in Element, for docs/matrix.md: written down by the test that makes it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "matrix.md"
WRITE = "COPYBARA_WRITE_DOCS"
"The environment variable with which the test rewrites the page in place of comparing it: `make docs` sets it."

_CHANGING = (
    (re.compile(r"copybara:[A-Za-z0-9_-]{64}"), "copybara:Exq2…64 characters"),
    (re.compile(r"until \d\d:\d\d"), "until 14:10"),
)


class Transcript:
    """One line after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: list[str] = []

    def line(self, who: str, text: str) -> None:
        """Somebody writes."""
        for pattern, instead in _CHANGING:
            text = pattern.sub(instead, text)
        first, *more = text.splitlines()
        self._lines.append(f"{who:>30}  {first}")
        self._lines += [f"{'':30}  {line}" for line in more]

    def sees(self, who: str, message: dict[str, Any]) -> None:
        """What a human's app shows."""
        self.line(who, str(message["text"]))

    def check(self) -> None:
        """Compare with the page, or write it there."""
        begin, end = f"<!-- transcript: {self._name} -->", "<!-- end of transcript -->"
        block = "\n".join([begin, "", "```text", *self._lines, "```", "", end])
        page = PAGE.read_text(encoding="utf-8")
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        assert pattern.search(page), f"{PAGE.name} has no place for the transcript {self._name!r}"
        if os.environ.get(WRITE):
            PAGE.write_text(pattern.sub(lambda _: block, page), encoding="utf-8")
        else:
            assert block in page, f"{PAGE.name} is out of date; run `make docs`. It should have:\n{block}"
