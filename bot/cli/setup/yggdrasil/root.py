"""What only root may do: a shell command, why it is needed, and running it (through sudo) once it was shown."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass

from bot.as_root import has_sudo, is_root
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


def can_become_root() -> bool:
    """Whether steps can be run from here."""
    return is_root() or has_sudo()


def show(asking: Asking, steps: list[Step]) -> None:
    """Print all of them, for root where there is no sudo."""
    if not can_become_root():
        asking.say("", "# This computer has no sudo: run this as root (su -), and then `copybara setup` as yourself.")
    for step in steps:
        asking.say("", f"# {step.why}", step.shown(sudo=not is_root() and has_sudo()), to_copy=True)


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
            "See what it says above. Once that is fixed, run `copybara setup overlay` again: it continues from there.",
        )
    return ended.stdout.decode(errors="replace") if step.reads else ""
