"""A script with everything for root, for a user who can't become root. An administrator reads and runs it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence

from bot.asked import asked
from bot.cli.setup.yggdrasil.root import Step, numbered, script
from bot.for_administrator import command
from bot.home import Home
from bot.terminal.as_root import has_sudo
from bot.terminal.asking import Asking
from shared.errors import OverlayError
from shared.store.files import known_errors, locked_folder, replace_file

AT_ONCE = (
    "One step needs an administrator of this computer, because this account may not use sudo: {what} Yggdrasil. "
    "You get one command for them."
)

WHO = "Who runs that command?"
OTHERS = "An administrator, later: go on with the rest now"
DONE = "It has been run: look again"
BY_SUDO = "I do, now, by sudo and with my own password"
BY_SU = "I do, now: I know root's password, which is asked for next"

LOOK = "Read it first: less {file}"
NOT_THERE = "Yggdrasil doesn't answer here yet."

NOTES = (
    "Written by Copybara's set-up (copybara setup overlay --print) for {user}. It is for root: sudo sh FILE",
    "It sets up Yggdrasil, the network for {user}'s calls, with a firewall, and lets {user} ask it.",
    "To run it twice does no harm.",
)
NO_PEER = (
    'No peer is given here. If the node has none, nobody can be called: --peers "tls://HOST:PORT?key=KEY" adds one.'
)

POLICY_SECONDS = 30.0
"What apt may take to read its lists, on a slow disk."

_VERSION = re.compile(r"^\s+(?:Installed|Candidate): (?:\d+:)?0\.(\d+)", re.MULTILINE)


def text(steps: Sequence[Step], user: str, peers: Sequence[str]) -> str:
    """The script."""
    notes = [note.format(user=user) for note in NOTES]
    end = f"\necho 'Done. Now {user} goes on where it waits (2, look again), or runs: copybara setup'\n"
    return script(steps, notes if peers else [*notes, NO_PEER]) + end


def minor() -> int | None:
    """The minor version of the protocol 0.x in the installed or available package. None if that isn't known."""
    if shutil.which("apt-cache") is None:
        return None
    return minor_in(asked(["apt-cache", "policy", "yggdrasil"], POLICY_SECONDS).stdout)


def minor_in(policy: str) -> int | None:
    """The minor version in the output of `apt-cache policy`: installed before available. Pure."""
    found = _VERSION.search(policy)
    return int(found[1]) if found else None


def hand_over(home: Home, asking: Asking, steps: Sequence[Step], content: str, done: Callable[[], bool]) -> None:
    """Write the script, and wait until somebody has run it or the person goes on. `done` says whether the node replies.

    Raises OverlayError if there is no person, StoreError.
    """
    with locked_folder(home.folder):
        replace_file(home.for_root, content.encode())
    if not asking.at_terminal:
        raise OverlayError(
            "Setting up Yggdrasil needs root, and this account may not use sudo.",
            f"Run `copybara setup` again once an administrator has run this: {command(home)}",
        )
    asking.say("", "An administrator of this computer runs this command:", "")
    asking.say(f"  {command(home)}", to_copy=True)
    asking.say("", "What it does:", *numbered(steps))
    asking.say(LOOK.format(file=home.for_root))
    myself = BY_SUDO if has_sudo() else BY_SU
    while (chosen := asking.choose(WHO, (OTHERS, DONE, myself))) != 1:
        if chosen == 3:
            subprocess.run(shlex.split(command(home)), check=False)  # noqa: S603 - what was shown and agreed to
        if done():
            no_longer_needed(home)
            return
        asking.say("", NOT_THERE)


def no_longer_needed(home: Home) -> None:
    """Delete the script, because the node replies. Raises StoreError."""
    with known_errors(home.for_root):
        home.for_root.unlink(missing_ok=True)
