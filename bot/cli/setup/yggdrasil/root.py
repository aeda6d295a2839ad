"""What only root may do: a step says in a line what it does, and runs (through sudo) once its commands could be read.

Somebody who can't become root gets all of it as one script for an administrator.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from bot.terminal.as_root import is_root, may_use_sudo
from bot.terminal.asking import NO, YES, Asking
from bot.terminal.slow_steps import PATIENCE_SECONDS
from bot.terminal.wrapping import THEIRS
from shared.errors import InputError, OverlayError

_PLAIN = re.compile(r"[\w ./:@%+=,'-]+")
"One command, with nothing in it that only a shell understands."

GO_ON = "Go on? (yes, no, or s to see the commands)"
SHOW = ("s", "show")

LAST_LINES = 10
"Of what a step wrote that failed."


@dataclass(frozen=True, slots=True)
class Step:
    """One of them."""

    why: str
    "What it does, in a line; further lines are for those who read the commands."

    script: str
    "For `sh -e`, as root: a command a line."

    says: bool = False
    "Whether the last line that it writes tells what came of it."

    @property
    def line(self) -> str:
        """What it does."""
        return self.why.splitlines()[0]

    def as_script(self) -> str:
        """The step as a part of a script that root runs with `sh`."""
        why = "".join(f"# {line}\n" for line in self.why.splitlines())
        if _PLAIN.fullmatch(self.script):
            return f"{why}{self.script}\n"
        return f"{why}(\n{self.script}\n)\n"


def can_become_root() -> bool:
    """Whether steps can be run from here."""
    return is_root() or may_use_sudo()


def numbered(steps: Sequence[Step]) -> list[str]:
    """What they do, a line each that a narrow terminal can wrap."""
    return [f"  {number}  {step.line}" for number, step in enumerate(steps, 1)]


def script(steps: Sequence[Step], notes: Sequence[str]) -> str:
    """All of them for `sh`, as root: each stops the script if it fails, and all of it may be run again."""
    parts = ["".join(f"# {note}\n" for note in notes) + "set -e\n", *(step.as_script() for step in steps)]
    return "\n".join(parts)


def agreed(asking: Asking, steps: Sequence[Step]) -> bool:
    """Whether the person wants that done, who sees the commands if they like. Without one they are written down."""
    commands = [line for step in steps for line in ("", *step.as_script().splitlines())]
    if not asking.at_terminal:
        asking.say(*commands, to_copy=True)
        return True
    while (answer := asking.until_good(GO_ON, _yes_no_or_show, default=YES[1])) in SHOW:
        asking.say(*commands, "", to_copy=True)
    return answer in YES


def _yes_no_or_show(answer: str) -> str:
    if (word := answer.lower()) not in YES + NO + SHOW:
        raise InputError(f"“{answer}” is none of these.", "Type yes, no or s.")
    return word


def become_root() -> None:
    """Let sudo ask for the password, if it wants one, before steps stand on the screen. Raises OverlayError."""
    if is_root():
        return
    try:
        ended = subprocess.run(["sudo", "true"], check=False)  # noqa: S607
    except OSError as error:
        raise OverlayError(f"sudo can't be started: {error.strerror}.", "Ask an administrator.") from error
    if ended.returncode:
        raise OverlayError("sudo refused, so nothing was done.", "Try again, or ask an administrator.")


def run(asking: Asking, number: int, step: Step) -> str:
    """Run one, and tick it off; the last line that it wrote. Raises OverlayError if it fails, with its last lines."""
    asking.begin(f"  {number}  {step.line} ...")
    code, written = _ran(asking, step)
    lines = written.splitlines()
    if code:
        asking.say("failed", *(f"{THEIRS}{line}" for line in lines[-LAST_LINES:]))
        raise OverlayError(
            f"That didn't work (it ended with {code}). Nothing after it was done.",
            "See what it says above. Once that is fixed, run `copybara setup` again. What is done already stays.",
        )
    last = lines[-1] if lines else ""
    asking.say(last if step.says else "done")
    return last


def _ran(asking: Asking, step: Step) -> tuple[int, str]:
    """How it ended, and what it wrote."""
    command = ["sh", "-e"] if is_root() else ["sudo", "sh", "-e"]
    # Everybody on the computer sees a command's arguments, so sh reads the step: all of it, before anything runs.
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as written:
        source.write(f"{{\n{step.as_script()}}} < /dev/null\n".encode())
        source.seek(0)
        with subprocess.Popen(command, stdin=source, stdout=written, stderr=subprocess.STDOUT) as process:  # noqa: S603
            while not _ended(process):
                if asking.at_terminal:
                    asking.begin(".")
        written.seek(0)
        return process.returncode, written.read().decode(errors="replace")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
