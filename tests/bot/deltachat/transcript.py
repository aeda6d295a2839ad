"""What people see in Delta Chat, for docs/deltachat.md: written down by the test that lives through it."""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "deltachat.md"

WRITE = "COPYBARA_WRITE_DOCS"
"The environment variable with which the tests rewrite the page instead of comparing it: `make docs` sets it."

_CHANGING = (
    (re.compile(r"(copybara:)[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])"), r"\1Exq2…64 characters"),
    (re.compile(r"(copybara:)[A-Za-z0-9_-]{65,}"), r"\1EQNp…128 or more"),
    (re.compile(r"\b[0-9a-z]{52}\b"), "h8syf1xc…"),
    (re.compile(r"\bnode [0-9a-z]{8}…"), "node h8syf1xc…"),
)


def check(name: str, lines: list[tuple[str, str]]) -> None:
    """Compare who said what with the page, or write it there."""
    shown = []
    for who, text in lines:
        for pattern, instead in _CHANGING:
            text = pattern.sub(instead, text)
        first, *more = text.splitlines()
        shown += [f"{who:>16}  {first}", *(f"{'':16}  {line}".rstrip() for line in more)]
    begin, end = f"<!-- transcript: {name} -->", "<!-- end of transcript -->"
    block = "\n".join([begin, "", "```text", *shown, "```", "", end])
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    assert pattern.search(page), f"docs/deltachat.md has no place for the transcript {name!r}"
    if os.environ.get(WRITE):
        PAGE.write_text(pattern.sub(lambda _: block, page), encoding="utf-8")
    else:
        assert block in page, f"docs/deltachat.md is out of date; run `make docs`. It should have:\n{block}"
