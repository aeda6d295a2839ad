"""Questions to the person at the terminal. Without one, each gets what was answered beforehand, or its default."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bot.terminal.streams import as_wide_as, print_text
from shared.errors import InputError
from shared.printable import visible

YES = ("y", "yes")
NO = ("n", "no")

NOTHING = "-"
"Stands for an empty answer to a question that may get one, where Enter takes a default."

_Read = TypeVar("_Read")

SETUP = "copybara setup"

PREFIX = "COPYBARA_"
"Of the environment variables that answer questions: COPYBARA_NAME, COPYBARA_OVERLAY …"


def variable(what: str) -> str:
    """Which environment variable answers a question."""
    return f"{PREFIX}{what.upper()}"


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one run of `copybara setup`."""

    given: dict[str, str] = field(default_factory=dict)
    "By what is asked for: `name`, `overlay`, `peers`, `telegram_token` …"

    yes: bool = False
    "Whether all other questions get their default, and what changes the system is done without asking."

    only_prints: bool = False
    "Whether what would be done is only shown."

    def get(self, what: str) -> str | None:
        """The answer, from the command line or else the environment; None: nobody has said."""
        given = self.given.get(what)
        return given if given is not None else os.environ.get(variable(what)) or None

    def about(self, part: str) -> bool:
        """Whether anything was said about a part beforehand, such as `telegram_token` about `telegram`."""
        names = [*(name for name, value in self.given.items() if value), *(name.lower() for name in os.environ)]
        return any(name.removeprefix(PREFIX.lower()).startswith(f"{part}_") for name in names)


class Stopped(InputError):
    """You stopped.

    Run it again.
    """


class Asking:
    """One conversation."""

    def __init__(self, answers: Answers, command: str = SETUP) -> None:
        """`command` is what is to be run again if the person stops."""
        self.answers = answers
        self.put_off: list[str] = []
        "Steps that the user has put off, as lines about how to do them later."

        self.command = command
        self.at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not (answers.yes or answers.only_prints)
        "Whether somebody is there to be asked."

        self.takes_defaults = answers.yes or answers.only_prints
        "Whether somebody has said that what nobody answers gets its default."

    def say(self, *lines: str, to_copy: bool = False) -> None:
        """Print lines; as they are, if they are there `to_copy`."""
        for line in lines:
            print_text(line, to_copy=to_copy)
        sys.stdout.flush()

    def begin(self, line: str, *, then: str = " ", end: str = "") -> None:
        """Print the beginning of a line and then `then`. The next output continues on the same line.

        If `end` doesn't fit on the terminal's line as well, the last word is on the next one.
        """
        whole = as_wide_as(sys.stdout, visible(f"{line}{end}", lines=True))
        sys.stdout.write(f"{whole.removesuffix(end)}{then}")
        sys.stdout.flush()

    def text(self, question: str, *, what: str = "", default: str = "") -> str:
        """A line of text. `what` is its name in the answers given beforehand. Raises Stopped if the person stops."""
        if (given := self._given(what)) is not None:
            return given
        if not self.at_terminal:
            return default
        emptied = question.replace(" (may be empty)", " (- leaves it empty)").replace(" (empty: ", " (-: ")
        with until_stopped(self.command), _interrupted_by_ctrl_c():
            self.begin(f"{emptied} [{default}]" if default else question)
            answer = sys.stdin.readline()
            if not answer:
                raise EOFError
            if default and answer.strip() == NOTHING and emptied != question:
                return ""
            return answer.strip() or default

    def secret(self, question: str, *, what: str = "") -> str:
        """The same, without the answer on the screen."""
        if (given := self._given(what)) is not None:
            return given
        if not self.at_terminal:
            return ""
        from getpass import getpass

        with until_stopped(self.command), _interrupted_by_ctrl_c():
            return getpass(f"{as_wide_as(sys.stdout, question)} ").strip()

    def yes(self, question: str, *, default: bool, what: str = "") -> bool:
        """Whether the person wants that. Raises InputError for an answer given beforehand that is neither."""
        return self.until_good(f"{question} (yes/no)", yes_or_no, what=what, default="yes" if default else "no")

    def choose(self, question: str, choices: Sequence[str], *, what: str = "", default: int = 1) -> int:
        """Which of the choices, counted from 1. Raises InputError for what is none of them."""
        if self.at_terminal and self._given(what) is None:
            self.say("", question, *(f"  {number}  {choice}" for number, choice in enumerate(choices, 1)))

        def number(answer: str) -> int:
            if not answer.isdecimal() or not 1 <= int(answer) <= len(choices):
                raise InputError(f"{answer} is none of these.", f"Give a number from 1 to {len(choices)}.")
            return int(answer)

        return self.until_good("Which one?", number, what=what, default=str(default))

    def until_good(
        self,
        question: str,
        read: Callable[[str], _Read],
        *,
        what: str = "",
        default: str = "",
        secret: bool = False,
    ) -> _Read:
        """What `read` makes of a line of text. A person is asked again for what it refuses. Raises its InputError.

        `secret`: the answer isn't on the screen.
        """
        while True:
            answer = self.secret(question, what=what) if secret else self.text(question, what=what, default=default)
            try:
                return read(answer)
            except Stopped:
                raise
            except InputError as error:
                if not self.at_terminal or self._given(what) is not None:
                    raise
                self.say(f"{error.sentence} {error.hint}")

    def _given(self, what: str) -> str | None:
        return self.answers.get(what) if what else None


def yes_or_no(answer: str) -> bool:
    """Which of the two. Raises InputError for what is neither: it may be meant for another question."""
    word = answer.strip().lower()
    if word not in YES + NO:
        raise InputError(f"“{answer}” is neither yes nor no.", "Type yes or no.")
    return word in YES


@contextlib.contextmanager
def until_stopped(command: str = SETUP) -> Iterator[None]:
    """Raise Stopped for Ctrl-C and Ctrl-D, InputError for an answer that isn't text: at a question, and between two."""
    again = f"Run `{command}` again."
    try:
        yield
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        raise Stopped("You stopped.", again) from None
    except UnicodeError:
        raise InputError("That isn't text in your terminal's encoding.", again) from None


@contextlib.contextmanager
def _interrupted_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the wait for an answer in an event loop too. The loop's own handler would only note the signal."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
