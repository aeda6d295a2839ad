"""The texts of every error: a sentence about what is wrong, and one about what to do, with existing commands."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli.arguments import make_parser
from bot.kinds import errors
from shared.errors import CallOver, CopybaraError, hint_of
from shared.sentences import ENDS, ended, joined
from tests.syntax import parsed

ROOT = Path(__file__).parents[2]
FILES = sorted(path for room in ("bot", "peer", "shared") for path in (ROOT / room).rglob("*.py"))

VALUE = "x"
"Replaces a value that is only known when the error happens."

A_SENTENCE = (
    *("kept", "now", "said", "' '.join(faults)", "problem.sentence", "error.sentence", "UNSUPPORTED[0]"),
    "NOTHING_LISTENS",
)
"Expressions at the end of a sentence that end it themselves, with a full stop or with nothing."

COMMAND = re.compile(r"`copybara ([^`]+)`|(?<=: )copybara ((?:(?![.,;?)](?: |$)| or ).)+)")
TO_COPY = re.compile(
    r"(?:^|: )(?:copybara|chmod|keyring|sudo|--|@|/[a-z]|\[[a-z]+\]|x)(?:(?!\. ).)*$"
    r"|: /(?:send|message) .*$|copybara .*$|KEY\"$"
)
"A hint that ends with something to type, because people would copy a full stop too."

GOES_ON = ("backup", "setup x")
"Commands that are named without their arguments."

MADE_UP = {"NAME": "anna", "FILE": "file.png", "DIR": "/tmp/home", "CARD": "anna"}


@dataclass(frozen=True)
class Said:
    """The two texts of one error. None: the source alone doesn't show it."""

    where: str
    sentence: str | None
    hint: str | None


def literal(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    """A text as far as the source alone shows it. None if it shows nothing."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            last = values[-1]
            whole = isinstance(last, ast.FormattedValue) and ast.unparse(last.value) in A_SENTENCE
            parts = (part.value if isinstance(part, ast.Constant) else VALUE for part in values)
            return "".join(map(str, parts)) + ("." if whole else "")
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = literal(left, constants), literal(right, constants)
            return None if one is None or other is None else one + other
        case ast.Name(id=name) if name in constants:
            return literal(constants[name], {})
    return None


def said_in(path: Path, names: set[str]) -> Iterator[Said]:
    """The errors that a file makes, and the pairs of texts from which others make errors."""
    module = parsed(path.read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    file = path.relative_to(ROOT)
    for node in ast.walk(module):
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=more) if name in names:
                given = [literal(each, constants) for each in args if not isinstance(each, ast.Starred)]
                named = {each.arg: literal(each.value, constants) for each in more}
                sentence, hint = (*given, None, None)[:2]
                yield Said(where, sentence, hint if hint is not None else named.get("hint"))
            case ast.Tuple(elts=[one, other]) if path.name in ("refusals.py", "devices.py", "files.py", "texts.py"):
                yield Said(where, literal(one, constants), literal(other, constants))


@functools.cache  # and not when this file is imported, which every process of the tests does
def said_anywhere() -> list[Said]:
    names = {each.__name__ for each in errors()} | {CopybaraError.__name__}
    return [each for path in FILES for each in said_in(path, names)]


def commands(text: str) -> Iterator[str]:
    for in_backticks, at_the_end in COMMAND.findall(text):
        yield in_backticks or at_the_end


def is_understood(command: str) -> bool:
    """Whether the command line accepts that. `x` and words in capitals mean any value."""
    words = [MADE_UP.get(word, word) for word in shlex.split(command.partition(" <")[0])]
    given = argparse.Namespace(home=None, verbose=False, json=False)
    try:
        make_parser().parse_args(words, given)
    except SystemExit as wrong:
        return wrong.code == 0
    return True


def is_complete(error: type[CopybaraError]) -> bool:
    made = error.__new__(error)
    CopybaraError.__init__(made)
    return made.sentence.endswith(".") and bool(made.hint.endswith(".") or TO_COPY.search(made.hint))


def test_every_error_says_what_is_wrong_and_what_to_do_next() -> None:
    assert [each for each in errors() if each is not CallOver and not is_complete(each)] == []


def test_every_error_that_is_made_anywhere_ends_in_one_full_stop_or_in_what_is_to_be_typed() -> None:
    said = said_anywhere()
    assert len(said) > 400
    sentences = [each for each in said if each.sentence is not None and " " in each.sentence]
    assert [each for each in sentences if not str(each.sentence).endswith(ENDS)] == []
    hints = [each for each in said if each.hint]
    assert [each for each in hints if not (str(each.hint).endswith(ENDS) or TO_COPY.search(str(each.hint)))] == []
    assert [each for each in said if re.search(r"[^.]\.\.(?!\.)", f"{each.sentence} {each.hint}")] == []


def test_every_command_that_a_hint_names_can_be_typed() -> None:
    hints = {f"{each.where} {each.hint}" for each in said_anywhere() if each.hint} | {
        hint_of(each) for each in errors()
    }
    named = [(command, text) for text in hints for command in commands(text) if command not in GOES_ON]
    assert len(named) > 40
    assert [each for each in named if not is_understood(each[0])] == []


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The disk is full", "The disk is full."),
        ("See the log for details..", "See the log for details."),
        ("Wait …", "Wait …"),
        ("Why? ", "Why?"),
    ],
)
def test_somebody_elses_words_end_a_sentence_with_one_full_stop(text: str, whole: str) -> None:
    assert ended(text) == whole


def test_a_command_at_the_end_of_a_hint_gets_a_full_stop_only_if_a_sentence_follows() -> None:
    assert joined("By hand: copybara manual overlays", "", "This home uses Yggdrasil.") == (
        "By hand: copybara manual overlays. This home uses Yggdrasil."
    )
    assert joined("Wait.", "Then run: copybara start") == "Wait. Then run: copybara start"
    assert joined() == ""
