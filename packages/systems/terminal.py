"""A person at a terminal: types commands, reads what is written, answers questions. Everything they do is counted."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.wide_terminal import wide_terminal

PROMPT = "copybara-test> "
_SET_PROMPT = "PS1='copybara-test''> '; PROMPT_COMMAND=; bind 'set enable-bracketed-paste off' 2>/dev/null\n"
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")

SCREEN = 20_000
"""Characters in which something is looked for. `docker compose` paints its progress over the whole screen ten times a
second, and waits for somebody who looks through all of it at each turn."""

SECONDS = 400.0
"What one command may take before the test gives up."


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody does when they are asked something."""

    text: str
    pasted: bool = False
    "Whether it comes from elsewhere; else it is typed."


class TerminalFailed(Exception):
    """What was waited for didn't come; the text is what is on the screen."""


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str]) -> None:
        self.commands: list[str] = []
        "What was typed at the shell's prompt."

        self.answered: list[tuple[str, Answer]] = []
        "Questions, with what was answered."

        self.seconds = 0.0
        "What the machine needed for all commands that have ended."

        self.waits: list[tuple[str, float]] = []
        "The same, command by command."

        self._screen = ""
        ours, theirs = wide_terminal()
        self._ours = ours
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal
        )
        os.close(theirs)
        self._write(_SET_PROMPT)
        self.until(re.escape(PROMPT))

    def type(self, line: str, answers: Mapping[str, Answer] | None = None) -> str:
        """Type a command and wait for its end. What it wrote. `answers` are by a pattern of the question.

        Raises TerminalFailed if it ends with another code than 0, or takes too long.
        """
        self.begin(line)
        began = time.monotonic()
        written = self.until(re.escape(PROMPT), answers or {})
        self._waited(line, began)
        self._write("echo ended with $?\n")
        code = re.search(r"ended with (\d+)", self.until(rf"ended with \d+\s+{re.escape(PROMPT)}"))
        if code is None or code[1] != "0":
            raise TerminalFailed(f"`{line}` failed:\n{written[-3000:]}")
        return written

    def enter(self, folder: str) -> None:
        """Go into a folder; a file manager's window opens terminals there, so it doesn't count."""
        self._write(f"cd {folder}\n")
        self.until(re.escape(PROMPT))

    def begin(self, line: str) -> None:
        """Type a command that goes on running."""
        self.commands.append(line)
        self._write(f"{line}\n")

    def until(self, pattern: str, answers: Mapping[str, Answer] | None = None, *, seconds: float = SECONDS) -> str:
        """What is written up to and with that, from where the last look ended. Raises TerminalFailed."""
        asked = dict(answers or {})
        deadline, passed = time.monotonic() + seconds, ""
        while (found := re.search(pattern, self._screen)) is None:
            for question, answer in asked.items():
                if there := re.search(question, self._screen):
                    passed += self._screen[: there.end()]
                    self._screen = self._screen[there.end() :]
                    self.answered.append((there[0], answer))
                    self._write(f"{answer.text}\n")
                    break
            else:
                passed += self._scroll()
                self._read(deadline, pattern, passed)
        written = passed + self._screen[: found.end()]
        self._screen = self._screen[found.end() :]
        return written

    def timed_until(self, pattern: str) -> str:
        """The same, and the machine needed that time."""
        began = time.monotonic()
        written = self.until(pattern)
        self._waited(self.commands[-1], began)
        return written

    def _waited(self, command: str, began: float) -> None:
        seconds = time.monotonic() - began
        self.seconds += seconds
        self.waits.append((command, seconds))

    def interrupt(self) -> None:
        """Ctrl-C, and wait for the shell."""
        self._write("\x03")
        self.until(re.escape(PROMPT))

    def close(self) -> None:
        """Close the window."""
        os.close(self._ours)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _write(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def _scroll(self) -> str:
        """Take from the screen what is above it now."""
        above, self._screen = self._screen[:-SCREEN], self._screen[-SCREEN:]
        return above

    def _read(self, deadline: float, wanted: str, passed: str) -> None:
        readable, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._ours, 65536) if readable else b""
        except OSError:  # how a terminal says that nobody writes there any more
            data = b""
        if not data:
            raise TerminalFailed(f"No {wanted!r} in:\n{(passed + self._screen)[-3000:]}")
        self._screen = _STYLE.sub("", self._screen + data.decode(errors="replace"))


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
