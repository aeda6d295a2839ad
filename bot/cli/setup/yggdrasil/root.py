"""What only root may do: a shell command, why it is needed, and running it (through sudo) once it was shown.

Somebody who can't become root gets all of it as one script for an administrator.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from bot.as_root import is_root, may_use_sudo
from bot.asking import Asking
from shared.errors import OverlayError

_PLAIN = re.compile(r"[\w ./:@%+=,'-]+")
"One command, with nothing in it that only a shell understands."

NEW_LINE = "\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One of them."""

    why: str
    "A sentence."

    script: str
    "For `sh -e`, as root: a command a line."

    content: str = ""
    "What it reads from standard input."

    secret: bool = False
    "Whether the content isn't shown."

    reads: bool = False
    "Whether its output is what we want, and isn't shown."

    def shown(self, *, sudo: bool) -> str:
        """The command as the person could type it: no line is longer than what one reads at a glance."""
        if _PLAIN.fullmatch(self.script):
            command = self.script
        else:
            lines = "".join(f"\n  {line}" for line in self.script.splitlines())
            command = f"sh -ec {shlex.quote(f'{lines}{NEW_LINE}')}"
        if sudo:
            command = f"sudo {command}"
        if self.content and not self.secret:
            return f"{command} <<'END'\n{self.content.rstrip()}\nEND"
        return command

    def as_script(self) -> str:
        """The step as a part of a script that root runs with `sh`."""
        why = "".join(f"# {line}\n" for line in self.why.splitlines())
        if _PLAIN.fullmatch(self.script):
            return f"{why}{self.script}\n"
        given = f" <<'END'\n{self.content.rstrip()}\nEND" if self.content else ""
        return f"{why}(\n{self.script}\n){given}\n"


def can_become_root() -> bool:
    """Whether steps can be run from here."""
    return is_root() or may_use_sudo()


def numbered(steps: Sequence[Step]) -> list[str]:
    """What they do, a line each that a narrow terminal can wrap."""
    return [f"  {number}  {step.why.splitlines()[0]}" for number, step in enumerate(steps, 1)]


def script(steps: Sequence[Step], notes: Sequence[str]) -> str:
    """All of them for `sh`, as root: each stops the script if it fails, and all of it may be run again."""
    parts = ["".join(f"# {note}\n" for note in notes) + "set -e\n", *(step.as_script() for step in steps)]
    return "\n".join(parts)


def run(asking: Asking, step: Step) -> str:
    """Run one, and return what it wrote if it reads something. Raises OverlayError if it fails."""
    asking.say("", step.why)
    asking.say(*(f"  {line}" for line in step.shown(sudo=not is_root()).splitlines()), to_copy=True)
    command = ["sh", "-ec", step.script]
    if not is_root():
        command = ["sudo", *command]
    try:
        ended = subprocess.run(  # noqa: S603 - what was shown and agreed to
            command,
            input=step.content.encode() if step.content else None,
            stdin=None if step.content else subprocess.DEVNULL,
            stdout=subprocess.PIPE if step.reads else None,
            check=False,
        )
    except OSError as error:
        raise OverlayError(f"sudo can't be started: {error.strerror}.", "Run the commands above as root.") from error
    if ended.returncode:
        raise OverlayError(
            f"That didn't work (it ended with {ended.returncode}). Nothing after it was done.",
            "See what it says above. Once that is fixed, run `copybara setup` again. What is done already stays.",
        )
    return ended.stdout.decode(errors="replace") if step.reads else ""
