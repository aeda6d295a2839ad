"""Steps that only root may do. Each has a line that explains it, and runs (through sudo) after people could read it.

Users who can't become root get all steps as one script for an administrator.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from bot.terminal.as_root import is_root, may_use_sudo
from bot.terminal.asking import NO, YES, Asking, Stopped
from bot.terminal.slow_steps import PATIENCE_SECONDS
from bot.terminal.wrapping import THEIRS
from shared.errors import InputError, OverlayError

_PLAIN = re.compile(r"[\w ./:@%+=,'-]+")
"A command without anything that only a shell understands."

GO_ON = "Go on? (yes, no, or s to see the commands)"
SHOW = ("s", "show")
AGAIN = "`copybara setup overlay` does what is missing."

LAST_LINES = 10
"How many lines of a failed step's output are shown."

LAST_BYTES = 64 * 1024
"Of what a step wrote that are read."


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    why: str
    "What it does. The first line is a summary; further lines are for people who read the commands."

    script: str
    "Commands for `sh -e` as root, one per line."

    says: bool = False
    "Whether its last line of output is the result."

    @property
    def line(self) -> str:
        """What it does, in one line."""
        return self.why.splitlines()[0]

    def as_script(self) -> str:
        """The step as part of a script that root runs with `sh`."""
        why = "".join(f"# {line}\n" for line in self.why.splitlines())
        if _PLAIN.fullmatch(self.script):
            return f"{why}{self.script}\n"
        return f"{why}(\n{self.script}\n)\n"


def can_become_root() -> bool:
    """Whether steps can be run from here."""
    return is_root() or may_use_sudo()


def numbered(steps: Sequence[Step]) -> list[str]:
    """What the steps do, one line each, so that a narrow terminal can wrap them."""
    return [f"  {number}  {step.line}" for number, step in enumerate(steps, 1)]


def script(steps: Sequence[Step], notes: Sequence[str]) -> str:
    """All steps as a script for root's `sh`. It stops if a step fails, and can be run again."""
    parts = ["".join(f"# {note}\n" for note in notes) + "set -e\n", *(step.as_script() for step in steps)]
    return "\n".join(parts)


def agreed(asking: Asking, steps: Sequence[Step]) -> bool:
    """Whether the person agrees to the steps. They can read the commands first. Without a person, they are printed."""
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
    """Let sudo ask for a password, if needed, before the steps are shown. Raises OverlayError."""
    if is_root():
        return
    try:
        ended = subprocess.run(["sudo", "true"], check=False)  # noqa: S607
    except OSError as error:
        raise OverlayError(f"sudo can't be started: {error.strerror}.", "Ask an administrator.") from error
    if ended.returncode:
        raise OverlayError("sudo refused, so nothing was done.", "Try again, or ask an administrator.")


def run(asking: Asking, number: int, step: Step) -> str:
    """Run a step and report it. Returns its last line of output.

    Raises OverlayError with its last lines if it fails.
    """
    asking.begin(f"  {number}  {step.line} ...", then="", end=".....")  # as wide as " done", which follows
    try:
        code, written = _ran(asking, step)
    except KeyboardInterrupt:
        asking.say(" stopped")
        raise Stopped("You stopped while that was done. The steps before it stay as they are.", AGAIN) from None
    asking.begin("")
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
    """Run a step. Returns its exit code and the end of its output. The person who watches may stop it."""
    command = ["sh", "-e"] if is_root() else ["sudo", "sh", "-e"]
    # Every user of the computer can see a command's arguments, so sh reads the step from a file, and all of it first.
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as written:
        source.write(f"{{\n{step.as_script()}}} < /dev/null\n".encode())
        source.seek(0)
        with subprocess.Popen(command, stdin=source, stdout=written, stderr=subprocess.STDOUT) as process:  # noqa: S603
            while not _ended(process):
                if asking.at_terminal:
                    asking.begin(".", then="")
        written.seek(max(0, written.seek(0, os.SEEK_END) - LAST_BYTES))
        return process.returncode, written.read(LAST_BYTES).decode(errors="replace")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
