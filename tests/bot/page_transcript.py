"""A conversation as a page of the documentation shows it. The test that goes through it writes it down."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

WRITE = "COPYBARA_WRITE_DOCS"
"The environment variable with which the tests rewrite the pages instead of comparing them: `make docs` sets it."


class PageTranscript:
    """One conversation, line by line."""

    def __init__(self, page: str, name: str, *, width: int, changing: Iterable[tuple[re.Pattern[str], str]]) -> None:
        """`page` is a file in docs/, `name` its section there. Names get `width` characters.

        `changing` are patterns for what differs in every run, each with its replacement.
        """
        self.lines: list[str] = []
        self._page = DOCS / page
        self._name = name
        self._width = width
        self._changing = tuple(changing)

    def line(self, who: str, text: str) -> None:
        """Add a line that somebody writes."""
        for pattern, instead in self._changing:
            text = pattern.sub(instead, text)
        first, *more = text.splitlines()
        self.lines.append(f"{who:>{self._width}}  {first}")
        self.lines += [f"{'':{self._width}}  {line}" for line in more]

    def check(self) -> None:
        """Compare with the page, or write it there."""
        begin, end = f"<!-- transcript: {self._name} -->", "<!-- end of transcript -->"
        body = "\n".join(line.rstrip() for line in self.lines).strip("\n")
        block = f"{begin}\n\n```text\n{body}\n```\n\n{end}"
        page = self._page.read_text(encoding="utf-8")
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        assert pattern.search(page), f"docs/{self._page.name} has no place for the transcript {self._name!r}"
        if os.environ.get(WRITE):
            self._page.write_text(pattern.sub(lambda _: block, page), encoding="utf-8")
        else:
            assert block in page, f"docs/{self._page.name} is out of date; run `make docs`. It should have:\n{block}"
