"""Every command of Copybara that README and docs tell people to type exists, with its arguments."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
from pathlib import Path

import pytest

from bot.assistant.commands import parse
from bot.cli.arguments import make_parser
from bot.messengers.deltachat.reader import _WHOSE_APP
from shared.errors import CopybaraError, UnknownCommand

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPYBARA = re.compile(r"^ *(?:\.venv/bin/)?copybara ([a-z-].*)$", re.MULTILINE)
MADE_UP = {"NAME": "anna", "FILE": "file.png", "DIR": "/tmp", "LINK": "link", "HOST": "host.example"}


def typed(page: Path) -> list[str]:
    """The command lines in code blocks that begin with `copybara`, without comments and redirections."""
    found = [line for block in BLOCK.findall(page.read_text()) for line in COPYBARA.findall(block)]
    return [re.split(r"\s+#|\s{3,}|\s+[<>|&]", line)[0].strip() for line in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_is_understood(page: Path) -> None:
    for line in typed(page):
        words = [MADE_UP.get(word, word) for word in shlex.split(line)]
        given = argparse.Namespace(home=None, verbose=False)
        with contextlib.suppress(SystemExit):
            assert callable(make_parser().parse_args(words, given).run)
            continue
        assert {"--help", "--version"} & set(words), f"{page.name}: copybara {line}"


def test_there_are_commands_to_look_at() -> None:
    assert len(typed(ROOT / "README.md")) >= 3
    assert sum(len(typed(page)) for page in PAGES) > 10


def test_the_chat_commands_of_the_readme_are_understood() -> None:
    lines = [
        line
        for block in BLOCK.findall((ROOT / "README.md").read_text())
        for line in block.splitlines()
        if re.match(r"/[a-z]+", line)
    ]
    assert len(lines) >= 4
    for line in lines:
        parse(line)


INLINE_CHAT = re.compile(r"`(/[a-z]+(?: [^`\n]*)?)`")
CHAT_VALUES = {
    "NAME": "anna",
    "WORDS": "boil direct round noise",
    "ENDPOINT": "echo",
    "NODE-ID": "mc5221af8k6zrx5q850bhqjjx2n1jx9nn2jy1vv62n7gkvhcdat0",
}
OTHERS = {"newbot", "mybots"}
"Commands of @BotFather."

GOES_ON = {"/contact program NAME", "/sdp answer NAME", "/contact confirm NAME"}
"Commands that a page names without their last argument."

READ_BY_DELTACHAT = _WHOSE_APP
"The one command that the Delta Chat messenger takes before the assistant sees it."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_chat_command_within_a_sentence_is_understood(page: Path) -> None:
    for line in INLINE_CHAT.findall(page.read_text()):
        words = [CHAT_VALUES.get(word, word) for word in line.split()]
        if words[0][1:] in OTHERS or "…" in line or READ_BY_DELTACHAT.fullmatch(" ".join(words)):
            continue
        try:
            parse(" ".join(words))
        except UnknownCommand:
            raise
        except CopybaraError:
            # The bare name of a command, such as `/contact trust`.
            assert line in GOES_ON or re.fullmatch(r"/[a-z]+( [a-z]+)?", line), f"{page.name}: {line}"


def test_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"`?make ([a-z-]+)\b", page.read_text())}
    used = {
        word
        for word in named
        if re.search(rf"^make {word}\b|`make {word}`", "\n".join(p.read_text() for p in PAGES), re.M)
    }
    assert used <= targets
