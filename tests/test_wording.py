"""Texts for people use everyday language: idioms that readers stumbled over don't come back."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest

from tests.syntax import parsed

ROOT = Path(__file__).parents[1]

IDIOMS = {
    r"\bby itself\b": "automatically, on its own",
    r"\banew\b": "again",
    r"(?<!instead )(?<!one )\bof ours\b": "our, one of our",
    r"\bstands in for\b": "replaces",
    r"\bin the place of\b": "instead of, as if it were",
    r"(n't|\b(?:never|not|is|are)) told\b(?! apart)": "sees, hears, gets no reply",
    r"\bnobody was asked\b": "automatically",
    r"\bshall\b": "should, may, must, will",
    r"\bin truth\b": "really, now",
    r"\bby no other\b": "only",
    r"\b(it|that) holds from\b": "takes effect",
    r"\bso long as\b": "as long as",
    r"\bloses its mind\b": "stops working",
    r"\b(can|may) be had\b": "you can get",
    r"\bwas never met\b": "not tested with",
    r"\bwhoever\b": "anyone who, the one who",
    r"\b(?:for|to|of|than|from) who (?!is\b|are\b|the\b|calls whom)": "for someone who",
    r"(?:^|[.;:!] )who (?:needs|sees|waits|comes|wants|hears)\b[^?]*(?:[.]|$)": "anyone who, the one that",
    r"(?:^|[.!] )that are\b": "those are",
    r"\bas often as it is to\b": "the configured number of times",
    r"\bso it doesn't\.": "and that doesn't happen",
    r"\bis none the worse\b": "isn't affected",
    r"\bcan't be had\b": "is taken, doesn't exist",
    r"\bin so many words\b": "explicitly",
    r"\bso many (?:seconds|bytes|times|characters)\b": "the name of the argument, or the figure",
    r"\bbut by (?:its|their|a|the)\b": "only by",
}
"Idioms, and what to write instead."

SENTENCES = [
    *sorted((ROOT / "bot" / "texts").rglob("*.py")),
    *sorted((ROOT / "bot" / "messengers").rglob("texts.py")),
    ROOT / "shared" / "errors.py",
    *sorted((ROOT / "bot" / "cli").rglob("*.py")),
]
"Modules where each string is a sentence for people."

PACKAGES = ("shared", "peer", "bot", "benchmarks")
"Folders whose docstrings and comments are for people who work on the program."

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "config").iterdir()),
    ROOT / "peer" / "handset" / "static" / "index.html",
]


def wrong(text: str) -> list[str]:
    """The idioms in a text, also across the ends of its lines."""
    flat = " ".join(text.split())
    return [idiom for idiom in IDIOMS if re.search(idiom, flat, flags=re.IGNORECASE)]


def strings_of(path: Path) -> list[tuple[int, str]]:
    """Every string of a module with its line, docstrings included."""
    return [
        (node.lineno, node.value)
        for node in ast.walk(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def explanations_of(path: Path) -> list[tuple[int, str]]:
    """Every docstring of a module, those of attributes included, and every block of comments, with its line."""
    source = path.read_text(encoding="utf-8")
    found = [
        (node.lineno, node.value.value)
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    last = -1
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
            if token.start[0] == last + 1 and token.line.lstrip().startswith("#"):
                line, before = found.pop()
                found.append((line, f"{before} {text}"))
            else:
                found.append((token.start[0], text))
            last = token.start[0]
    return found


def paragraphs_of(path: Path) -> list[tuple[int, str]]:
    """Every paragraph of a page with the number of its first line."""
    found, line = [], 1
    for text in re.split(r"(\n\s*\n)", path.read_text(encoding="utf-8")):
        found.append((line, text.replace("\n#", "\n")))
        line += text.count("\n")
    return found


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_of_the_program_has_them(path: Path) -> None:
    assert [(line, found) for line, text in strings_of(path) if (found := wrong(text))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_docstring_and_no_comment_has_them(package: str) -> None:
    assert [
        (str(path.relative_to(ROOT)), line, found)
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in explanations_of(path)
        if (found := wrong(text))
    ] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_that_people_read_has_them(path: Path) -> None:
    assert [(line, found) for line, text in paragraphs_of(path) if (found := wrong(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "Answered bob's call by\nitself.",
        "Whoever calls rings.",
        "A link of ours.",
        "You aren't told.",
        "It is made anew.",
        "A whole picture, for who starts to watch.",
        "That is logged. Who needs it asks for it.",
    ],
)
def test_they_are_found_across_lines_and_in_either_case(text: str) -> None:
    assert wrong(text)


def test_a_comment_of_two_lines_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""A room."""\n# It is taken by\n# no other.\nx = 1  # Whoever.\n')
    assert [line for line, text in explanations_of(path) if wrong(text)] == [2, 4]
