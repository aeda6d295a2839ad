"""Commands in a sentence can be typed where people read the sentence."""

from __future__ import annotations

import argparse
import contextlib
import shlex

import pytest

from bot.assistant.commands import parse
from bot.cli.arguments import make_parser
from bot.texts.as_typed import OTHERS, SAME, as_typed
from shared.errors import WrongUse

SENTENCES = {
    "After a call: /contact add NAME": "After a call: copybara contacts add NAME",
    "Say which: /answer anna or /answer bob": "Say which: copybara answer anna or copybara answer bob",
    "/hangup ends it": "copybara hangup ends it",
    "/help lists the commands.": "copybara --help lists the commands.",
    "/contacts, or /contacts 2": "copybara contacts, or copybara contacts 2",
    "A recording is in /home/anna/files/call.webm": "A recording is in /home/anna/files/call.webm",
    "It is in /files/a": "It is in /files/a",
    "Write /say bob: TEXT": "Write /say bob: TEXT",
    "/send anna: FILE or /send bob: FILE": "copybara send --to anna FILE or copybara send --to bob FILE",
    "/send ~/a.jpg, or /send anna: ~/a.jpg": "copybara send ~/a.jpg, or copybara send --to anna ~/a.jpg",
    "Write /answer hold, or /answer bob audio": "Write copybara answer --hold, or copybara answer bob audio",
    "Then: /name follow anna.eth uses it": "Then: copybara resolve --follow anna.eth uses it",
    "On the id alone: /contact trust anna unproven": "On the id alone: copybara contacts trust anna --unproven",
    "/contact program anna classic": "/contact program anna classic",
    "Run: copybara card": "Run: copybara card",
}


@pytest.mark.parametrize(("said", "typed"), SENTENCES.items())
def test_a_command_of_the_chat_is_written_as_it_is_typed_here(said: str, typed: str) -> None:
    assert as_typed(said) == typed


NAMES = ("Ann", "Ann Lee", "Conan O'Brien", "Änne", "a; rm -rf ~", "$(reboot)")

WITH_NAMES = {
    "/call Ann Lee audio": "copybara call 'Ann Lee' audio",
    "/call Ann audio": "copybara call Ann audio",
    "/call Änne calls them": "copybara call Änne calls them",
    "Say which: /answer Ann Lee or /answer Ann": "Say which: copybara answer 'Ann Lee' or copybara answer Ann",
    "/contact trust Ann Lee unproven": "copybara contacts trust 'Ann Lee' --unproven",
    "/send Ann Lee: FILE or /send Ann: FILE": "copybara send --to 'Ann Lee' FILE or copybara send --to Ann FILE",
    "/record stop Ann Lee": "copybara record stop 'Ann Lee'",
    "/contact remove a; rm -rf ~.": "copybara contacts remove 'a; rm -rf ~'.",
    "/call $(reboot)": "copybara call '$(reboot)'",
    "/say Ann Lee: TEXT": "/say Ann Lee: TEXT",
    "/contact program Ann Lee classic": "/contact program Ann Lee classic",
    "Ann Lee is calling": "Ann Lee is calling",
}


@pytest.mark.parametrize(("said", "typed"), WITH_NAMES.items())
def test_a_name_is_in_quotes_where_a_shell_needs_them(said: str, typed: str) -> None:
    assert as_typed(said, NAMES) == typed


@pytest.mark.parametrize("name", NAMES)
def test_a_command_with_any_name_is_one_that_can_be_pasted(name: str) -> None:
    words = shlex.split(as_typed(f"/contact trust {name} unproven", NAMES))
    given = argparse.Namespace(home=None, verbose=False, json=False)
    options = make_parser().parse_args(words[1:], given)
    assert (options.name, options.unproven, options.media) == (name, True, None)


def test_the_commands_are_those_of_the_chat_and_of_the_command_line() -> None:
    for word in (*SAME, *OTHERS):
        with contextlib.suppress(WrongUse):  # most need an argument
            parse(f"/{word}")
    needs = {"call": ["anna"], "send": ["file"], "resolve": ["anna"]}
    for word in (*SAME, "contacts", "resolve", "start"):
        given = argparse.Namespace(home=None, verbose=False, json=False)
        assert callable(make_parser().parse_args([word, *needs.get(word, [])], given).run)


@pytest.mark.parametrize(
    "typed",
    [
        "copybara answer anna",
        "copybara answer bob audio",
        "copybara answer --hold",
        "copybara answer hangup",
        "copybara record anna",
        "copybara record stop",
        "copybara record stop anna",
        "copybara decline anna I am in a meeting",
        "copybara files cancel 3",
        "copybara send --to anna a.jpg",
        "copybara resolve --follow anna.eth",
        "copybara contacts trust anna --unproven",
        "copybara contacts trust anna audio",
        "copybara contacts confirm anna zoo economy also maximum",
    ],
)
def test_what_sentences_say_to_type_is_read(typed: str) -> None:
    given = argparse.Namespace(home=None, verbose=False, json=False)
    assert callable(make_parser().parse_args(typed.split()[1:], given).run)
