"""Every sentence of the bot has one kind, every kind is used, and docs/console.md lists them all."""

from __future__ import annotations

import ast
import collections
import re
from pathlib import Path

from bot import kinds
from bot.kinds import Kind, Sentence, errors, of_error, with_table
from shared.call.table import State
from shared.errors import HomeInUse, InputError, NodeIdError, kind_of
from tests.syntax import parsed

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "console.md"
SOURCES = [path for room in ("bot", "peer", "shared") for path in sorted((ROOT / room).rglob("*.py"))]


def test_the_page_lists_every_kind() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    assert page == with_table(page), "run `make docs`"
    listed = re.findall(r"^\| `([a-z.-]+)` \|", page, flags=re.MULTILINE)
    assert set(Kind) | {kind_of(error) for error in errors()} <= set(listed)


def test_a_kind_is_a_word_with_a_dot_and_no_two_are_the_same() -> None:
    words = [*map(str, Kind), *(kind_of(error) for error in errors())]
    assert [word for word in words if not re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", word)] == []
    assert len(set(words)) == len(words)
    assert all(kind.meaning.endswith(".") for kind in Kind)


def test_every_kind_is_used() -> None:
    used = collections.Counter(
        node.attr
        for path in SOURCES
        for node in ast.walk(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind"
    )
    assert [kind.name for kind in Kind if not used[kind.name]] == []


def test_a_post_is_made_of_a_sentence_and_nothing_else() -> None:
    """mypy checks the types. This checks that no text gets into a post in another way."""
    for path in SOURCES:
        for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Post":
                assert not isinstance(node.args[1], ast.Constant | ast.JoinedStr), f"{path}:{node.lineno}"


def test_every_state_of_a_call_has_a_kind() -> None:
    assert set(kinds.STATES) == set(State)


def test_an_errors_kind_is_its_class() -> None:
    assert (NodeIdError().kind, HomeInUse().kind, InputError().kind) == (
        "error.node-id",
        "error.home-in-use",
        "error.input",
    )
    assert of_error(InputError("What?", "This.")) == Sentence("error.input", "What?", "This.")
    assert of_error(HomeInUse()).text.startswith("Another copybara")
