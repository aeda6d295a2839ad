"""The files that the set-up has made for the whole computer.

Uninstalling lists them, with root's commands to remove them.
"""

from __future__ import annotations

import grp
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bot.cli.setup.yggdrasil import firewall, let_in, plan
from bot.cli.setup.yggdrasil.root import can_become_root
from bot.terminal.as_root import as_root, has_sudo, is_root
from bot.terminal.asking import Asking
from shared.store.files import replace_file

IN_PACKAGE = "/usr/lib/copybara-relay"
"Where Debian's package installs the program."

IN_CONTAINER = "/opt/copybara"
"Where the container has the program."

HEADING = "For all users of this computer, the set-up has also made:"
ONLY_IF = "If nothing else here uses Yggdrasil, root removes all that with these commands{su}:"
NODE_KEY = "They leave {config}, which holds the key of your node id."
FOR_ROOT = "remove-copybara.sh"
"A script in the folder of a user who can't become root: the same commands. It deletes itself at its end."

BY_ADMINISTRATOR = (
    "This account may not use sudo. If nothing else here uses Yggdrasil, an administrator removes all that with this "
    "command:"
)
QUESTION = "Run them now? Not if another program uses Yggdrasil."
FAILED = "That didn't work (it ended with {code}). The commands are above; what is gone already does no harm."


@dataclass(frozen=True, slots=True)
class SystemFiles:
    """Which of these files exist."""

    config: bool
    "The changed configuration of the node. The original is beside it."

    firewall: bool
    member: bool
    "Whether the user is in the group that may ask the node."

    let_in: bool
    "Whether the user's background service has access to the node until the computer restarts (let_in.py)."

    installed: bool
    "Whether there is a program yggdrasil, no matter who installed it."

    @property
    def ours(self) -> bool:
        """Whether the set-up has changed anything."""
        return self.config or self.firewall or self.member or self.let_in


def found(user: str, root: Path = Path("/")) -> SystemFiles:
    """Look at the files of this computer, or below another root."""
    has_firewall = any(_there(root, place) for place in (firewall.FOLDER, firewall.UNIT))
    member = _is_member(user)
    return SystemFiles(
        config=_there(root, f"{plan.CONFIG}.before-copybara", unseen=member or has_firewall),
        firewall=has_firewall,
        member=member,
        let_in=_there(root, let_in.drop_in(user)),
        installed=any(_there(root, f"{folder}/yggdrasil") for folder in ("/usr/sbin", "/usr/bin", "/usr/local/bin")),
    )


def listed(found: SystemFiles, user: str) -> list[str]:
    """What exists, one line each."""
    return [
        *([f"{firewall.FOLDER} and {firewall.UNIT}: the firewall of the overlay's device"] if found.firewall else []),
        *([f"changes in {plan.CONFIG}; beside it, .before-copybara is how it was"] if found.config else []),
        *(["Yggdrasil, which runs at each start of the computer"] if found.installed else []),
        *([f"{user} as a member of the group {plan.GROUP}"] if found.member else []),
        *([f"{let_in.drop_in(user)}: lets {user} in until the computer restarts"] if found.let_in else []),
    ]


def removal(found: SystemFiles, user: str, *, keys: bool) -> list[str]:
    """Root's commands. The overlay's device is never without its firewall. `keys`: the node's key is deleted too."""
    commands = []
    if found.installed:
        commands += [f"systemctl disable --now {plan.UNIT}"]
    if found.member:
        commands += [f"gpasswd --delete {shlex.quote(user)} {plan.GROUP}"]
    if found.let_in:  # the ACL of the socket is gone with the node
        commands += [f"rm -f {shlex.quote(let_in.drop_in(user))}"]
    if found.installed:
        commands += ["apt-get remove -y yggdrasil"]
    if keys and (found.config or found.installed):
        commands += [f"rm -rf {Path(plan.CONFIG).parent}"]
    if found.firewall:
        commands += [
            f"systemctl disable --now {firewall.UNIT_NAME}",
            f"rm -rf {firewall.UNIT} {firewall.FOLDER}",
        ]
    if found.firewall or found.let_in:
        commands += ["systemctl daemon-reload"]
    return commands


def offer_removal(asking: Asking, user: str, *, keys: bool, root: Path = Path("/")) -> bool:
    """List the files, show root's commands, and run them if the person agrees. Returns False if that failed.

    Users who can't become root get a script for an administrator. Raises StoreError if it can't be written.
    """
    there = found(user, root)
    if not there.ours:
        return True
    commands = removal(there, user, keys=keys)
    asking.say("", HEADING, *(f"  - {line}" for line in listed(there, user)))
    if asking.at_terminal and not can_become_root():
        file = Path.home() / FOR_ROOT
        replace_file(file, "\n".join(["set -e", *commands, 'rm -- "$0"', ""]).encode())
        asking.say("", BY_ADMINISTRATOR, "")
        asking.say(f"  {as_root(f'sh {shlex.quote(str(file))}')}", to_copy=True)
        asking.say("", f"Read it first: less {file}")
        return True
    by_su = not (is_root() or has_sudo())
    asking.say("", ONLY_IF.format(su=" (after: su -)" if by_su else ""), "")
    asking.say(*(f"  {command if by_su else as_root(command)}" for command in commands), to_copy=True)
    asking.say(
        "", *([] if keys or not _there(root, plan.CONFIG, unseen=True) else [NODE_KEY.format(config=plan.CONFIG)])
    )
    if not asking.yes(QUESTION, default=False, what="remove_system"):
        return True
    script = "\n".join(commands)
    ended = subprocess.run(shlex.split(as_root(f"sh -ec {shlex.quote(script)}")), check=False)  # noqa: S603
    if ended.returncode:
        asking.say(FAILED.format(code=ended.returncode))
    return not ended.returncode


def remove_program(prefix: str, root: Path = Path("/")) -> str:
    """The command that removes the program, which is installed in `prefix`."""
    if prefix == IN_PACKAGE:
        return as_root("apt remove copybara-relay")
    if prefix == IN_CONTAINER and _there(root, "/.dockerenv"):
        return "docker compose down --volumes (on the computer that runs the container)"
    return "pipx uninstall copybara-relay"


def _there(root: Path, path: str, *, unseen: bool = False) -> bool:
    """Whether it exists: `unseen` if this user may not look. Debian shows /etc/yggdrasil only to the node's group."""
    try:
        return (root / path.lstrip("/")).exists()
    except PermissionError:
        return unseen


def _is_member(user: str) -> bool:
    try:
        return user in grp.getgrnam(plan.GROUP).gr_mem
    except KeyError:
        return False
