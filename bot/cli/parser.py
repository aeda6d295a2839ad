"""Parses the command line with argparse. Each mistake ends in a sentence that says what to do next.

arguments.py has the commands.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bot.terminal.streams import as_wide_as
from shared.printable import visible, without_invisible_edges
from shared.typed import in_shell

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Run = Callable[[argparse.Namespace], int]
"Carries a command out, and returns the exit code."

MAX_SHOWN = 60
"How many characters of a mistyped word are repeated."

_REQUIRED = "the following arguments are required: "

_UNKNOWN = "unrecognized arguments: "

_LONG_DASH = re.compile(r"[ ]([\u2010-\u2015\u2212])[a-z]")


_TO_STOP = ("stop", "quit", "exit")

_HOW_TO_STOP = "Ctrl-C ends Copybara, in the window where it runs. To end a call: copybara hangup"

_TO_READ = ("read", "paste")

_HOW_TO_READ = "Paste a friend's link or card on the page or in the console, or open it with: copybara start LINK"

_BEGINS_A_LINK = "copybara:"

_OTHER_WORDS = {
    "accept": "answer",
    "address": "card",
    "config": "manual settings",
    "configure": "setup",
    "end": "hangup",
    "friend": "invite",
    "install": "setup",
    "message": "send",
    "name": "setup name",
    "open": "start",
    "phone": "devices",
    "reject": "decline",
    "settings": "manual settings",
    "telegram": "setup telegram",
    "test": "call echo",
    "update": "manual living-with-it",
    "upgrade": "manual living-with-it",
    "version": "--version",
}
"The commands that people mean by these words."


class ShowVersion(argparse.Action):
    """Prints the version. Looks it up only when asked, because that takes as long as --help."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"copybara {version('copybara-relay')}\n")
        parser.exit()


class CommandParser(argparse.ArgumentParser):
    """argparse's parser, with sentences and hints for mistakes, and a guess for a mistyped word.

    argparse ignores errors while it prints help. Here, a full or closed stdout is an error as elsewhere.
    """

    groups: Sequence[tuple[str, Sequence[str]]] = ()
    "The headings, each with the commands below it."

    def set_defaults(self, **values: Any) -> None:
        """As in argparse. It also stores the command's parser beside the function that carries the command out."""
        super().set_defaults(**values, **({"parser": self} if "run" in values else {}))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, but an unknown word is an error of the command, not of the program."""
        options, more = self.parse_known_args(args, namespace)
        if more:
            getattr(options, "parser", self).error(f"{_UNKNOWN}{' '.join(more)}")
        return options

    def format_help(self) -> str:
        """As in argparse, but with the commands in groups."""
        listed = next((each for each in self._actions if isinstance(each, argparse._SubParsersAction)), None)
        if listed is None or not self.groups:
            return super().format_help()
        about = {each.dest: each for each in listed._get_subactions()}
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        sections = [(heading, [about[name] for name in names]) for heading, names in self.groups]
        for heading, actions in (*sections, ("options", [each for each in self._actions if each is not listed])):
            formatter.start_section(heading)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is not None and file is sys.stdout:
            sys.stdout.write(message)
        else:
            super()._print_message(as_wide_as(sys.stderr, message, hanging=len("error: ")), file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Exit with the usage, an error and a hint if a word isn't one of the choices."""
        if action.choices is None or value in action.choices:
            return
        from shared.nearest import did_you_mean

        known, word = list(action.choices), visible(str(value)[:MAX_SHOWN])
        if isinstance(action, argparse._SubParsersAction):
            wrong = f"There is no command: {self.prog} {word}."
            if word in _TO_STOP:
                self._wrong(wrong, _HOW_TO_STOP)
            if word in _TO_READ or word.startswith(_BEGINS_A_LINK):
                self._wrong(wrong, _HOW_TO_READ)
            meant = did_you_mean(_OTHER_WORDS.get(word, word), [*known, *_OTHER_WORDS.values()], before=f"{self.prog} ")
            if self.groups and word not in _OTHER_WORDS:  # of all commands, not of a command's own
                a_call = f"To call a contact: {self.prog} call {_as_name(value)}"
                self._wrong(wrong, f"{meant} {self._more}. {a_call}".strip())
        else:
            wrong = f"{word} isn't one of: {', '.join(known)}."
            meant = did_you_mean(word, known) or self._in_quotes.strip()
        self._wrong(wrong, f"{meant} {self._more}".strip())

    @property
    def _more(self) -> str:
        return f"See: {self.prog} --help"

    @property
    def _in_quotes(self) -> str:
        """The hint for a word too many, if it may belong to the name before it."""
        takes_names = any(action.dest in ("name", "new") and not action.option_strings for action in self._actions)
        return 'A name of several words needs quotes: "Ann Lee". ' if takes_names else ""

    def _wrong(self, sentence: str, hint: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {sentence}\nhint:  {hint}\n")

    def error(self, message: str) -> NoReturn:
        """Exit with argparse's error, in our own words for frequent ones."""
        if message.startswith(_REQUIRED):
            self._wrong(f"Something is missing: {message.removeprefix(_REQUIRED)}.", self._more)
        if message.startswith(_UNKNOWN):
            words = visible(message.removeprefix(_UNKNOWN)[:MAX_SHOWN])
            # Word processors and phones turn two hyphens into a long dash.
            dash = _LONG_DASH.search(f" {words}")
            hint = f"Begin it with two hyphens instead of {dash[1]}. " if dash else ""
            self._wrong(f"`{self.prog}` doesn't take: {words}.", f"{hint or self._in_quotes}{self._more}")
        what = message.removeprefix("argument ")
        self._wrong(f"{what[:1].upper()}{what[1:]}.", self._more)


def a_path(text: str) -> Path:
    """A path for argparse. Raises ArgumentTypeError if it is empty."""
    if not text:  # Path would take it for the current folder, and an unset variable of a script would fill that
        raise argparse.ArgumentTypeError("the name of the file or folder is empty")
    return Path(text)


def a_name(text: str) -> str:
    """A name for argparse, without the direction marks that keyboards and pages add."""
    if not (bare := without_invisible_edges(text)):
        raise argparse.ArgumentTypeError("the name is empty")
    return bare


def _as_name(word: str) -> str:
    """What `call` takes, if that word may be somebody's name."""
    return in_shell(word) if len(word) <= MAX_SHOWN and word.isprintable() and word[:1].isalnum() else "NAME"


def a_count(text: str) -> int:
    """A count for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) < 9):
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


class Commands:
    """Adds commands to the parser of the whole command line."""

    def __init__(self, parser: CommandParser, everywhere: CommandParser) -> None:
        """`everywhere` has the options that every command takes."""
        self._parsers = parser.add_subparsers(metavar="COMMAND", required=True)
        self._everywhere = everywhere
        self._json = CommandParser(add_help=False, argument_default=argparse.SUPPRESS)
        self._json.add_argument("--json", action="store_true", help="print JSON")

    def add(self, name: str, help_: str, run: Run, *, json: bool = False) -> argparse.ArgumentParser:
        """Add a command that `run` carries out. `json`: it takes --json."""
        sub = self._parsers.add_parser(name, help=help_, description=help_, parents=self._parents(json))
        sub.set_defaults(run=run)
        return sub

    def add_group(
        self, name: str, help_: str, run: Run, *, alone: str, json: bool = False
    ) -> Callable[..., argparse.ArgumentParser]:
        """Add a command with subcommands. Without one, it means the subcommand `alone`.

        Returns a function that adds a subcommand: by its name, its help, and its arguments; `json`: it takes --json.
        `run` carries out all of them. Its option `action` holds the subcommand.
        """
        parser = self.add(name, help_, run, json=json)
        parser.set_defaults(action=alone)
        return self._adding_to(parser, run)

    def add_only_group(
        self, name: str, help_: str, run: Run, *, description: str
    ) -> Callable[..., argparse.ArgumentParser]:
        """Add a command that needs one of its subcommands. Returns the same as `add_group`."""
        parser = self._parsers.add_parser(name, help=help_, description=description)
        parser.set_defaults(run=_shows_commands(parser))
        return self._adding_to(parser, run)

    def _adding_to(self, parser: argparse.ArgumentParser, run: Run) -> Callable[..., argparse.ArgumentParser]:
        parsers = parser.add_subparsers(metavar="COMMAND")

        def add(name: str, help_: str, *names: str, json: bool = False) -> argparse.ArgumentParser:
            sub = parsers.add_parser(name, help=help_, description=help_, parents=self._parents(json))
            sub.set_defaults(run=run, action=name)
            for each in names:
                sub.add_argument(each, type=a_name)
            return sub

        return add

    def _parents(self, json: bool) -> list[CommandParser]:
        return [self._everywhere, self._json] if json else [self._everywhere]


def _shows_commands(parser: argparse.ArgumentParser) -> Run:
    """Show the subcommands of a command that can't do anything alone."""

    def show(_: argparse.Namespace) -> int:
        sys.stderr.write(
            f"{parser.format_help()}\nerror: Which command?\nhint:  One of those above: {parser.prog} COMMAND\n"
        )
        return 2

    return show
