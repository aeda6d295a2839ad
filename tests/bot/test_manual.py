"""`copybara manual` has every page, and no sentence of the program refers people to a file of the repository."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli import manual
from bot.cli.main import main
from shared.errors import CopybaraError, InputError, hint_of
from tests.syntax import parsed

ROOT = Path(__file__).parents[2]
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def test_each_page_is_listed_with_its_heading_and_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert manual.manual(None) == 0
    listed = capsys.readouterr().out
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        heading = text.partition("\n")[0].removeprefix("# ")
        assert re.search(rf"copybara manual {page.stem} +{re.escape(heading)}$", listed, re.MULTILINE), page.stem
        assert manual.manual(page.stem) == 0
        assert capsys.readouterr().out == text
    assert manual.manual("settings") == 0
    assert capsys.readouterr().out == (ROOT / "config" / "copybara.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["", "nothing", "../README", "overlays.md", "/etc/passwd"])
def test_what_is_no_page_is_one_error(page: str) -> None:
    with pytest.raises(InputError, match="There is no page"):
        manual.manual(page)


def test_the_pages_that_are_installed_come_from_where_the_wheel_puts_them(tmp_path: Path) -> None:
    (tmp_path / "overlays.md").write_text("# Overlays\n")
    with pytest.raises(InputError):
        manual.manual("names", [tmp_path])
    assert manual.manual("overlays", [tmp_path]) == 0


def sentences(module: ast.Module) -> Iterator[str]:
    """The texts in a module's code, without docstrings."""
    explained = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr)
    }
    bare = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained | bare:
            yield node.value


def hints(error: type[CopybaraError]) -> Iterator[str]:
    """The hints of an error's class and its subclasses, which are in their docstrings."""
    yield hint_of(error)
    for each in error.__subclasses__():
        yield from hints(each)


def test_sentences_name_pages_of_the_manual_that_are_there_and_no_files_of_the_repository() -> None:
    said = list(hints(CopybaraError))
    for room in ("bot", "peer", "shared"):
        for path in (ROOT / room).rglob("*.py"):
            said += sentences(parsed(path.read_text(encoding="utf-8")))
    assert [text for text in said if re.search(r"docs/[\w-]+\.md", text)] == []
    named = {page for text in said for page in re.findall(r"copybara manual ([\w-]+)", text)}
    assert named >= {"overlays", "names", "telegram"}
    assert {page for page in named if not (ROOT / "docs" / f"{page}.md").exists()} <= {"settings"}


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert "opens the page where you talk" in said.err
    assert said.err.startswith("usage: copybara")
    assert said.out == ""
