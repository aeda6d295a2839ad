"""What people read is written as people speak: idioms that made readers stop don't come back."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IDIOMS = {
    r"\b(answer\w*|taken|goes on|go on) (\w+ )?by itself\b": "automatically",
    r"\banew\b": "again",
    r"\bof ours\b": "our, or nothing",
    r"\bstands in for\b": "replaces",
    r"\b(n't|never|not|is|are) told\b(?! apart)": "sees, hears, gets no reply",
    r"\bnobody was asked\b": "automatically",
    r"\bshall be able\b": "should be able, may",
    r"\bin truth\b": "really, now",
    r"\bby no other\b": "only",
    r"\bit holds from\b": "takes effect",
    r"\bso long as\b": "as long as",
    r"\bloses its mind\b": "stops working",
}
"What isn't written, and what is written in its place."

WHOEVER = re.compile(r"\bwhoever\b", re.IGNORECASE)

TEXTS = [
    *sorted((ROOT / "bot" / "texts").glob("*.py")),
    ROOT / "shared" / "errors.py",
    *(ROOT / "bot" / "cli").rglob("*.py"),
]
"Where each string is a sentence for people."

PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "console.md",
    ROOT / "docs" / "overlays.md",
    ROOT / "docs" / "troubleshooting.md",
]


def strings_of(path: Path) -> list[tuple[int, str]]:
    """Every string of a module with its line, docstrings included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def wrong(text: str) -> list[str]:
    """The idioms in a text."""
    found = [idiom for idiom in IDIOMS if re.search(idiom, text, flags=re.IGNORECASE)]
    return [*found, "whoever"] if WHOEVER.search(text) else found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_of_the_program_has_them(path: Path) -> None:
    assert [(line, found) for line, text in strings_of(path) if (found := wrong(text))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_that_users_read_has_them(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [(number, found) for number, text in enumerate(lines, 1) if (found := wrong(text))] == []
