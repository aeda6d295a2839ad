"""A command that only root may run, as somebody on this computer types it."""

from __future__ import annotations

import grp
import os
import shlex
import shutil

from bot.asked import asked

SUDOERS = ("sudo", "wheel", "admin")
"Groups whose members may use sudo on the usual systems."

SUDO_SECONDS = 30.0
"What sudo may take to say whether it would ask for a password: it may look into a directory of users far away."


def is_root() -> bool:
    """Whether this process may do everything."""
    return os.geteuid() == 0


def has_sudo() -> bool:
    """Whether sudo is installed."""
    return shutil.which("sudo") is not None


def may_use_sudo() -> bool:
    """Whether sudo would run a command for this user, as far as that can be known without a password."""
    if not has_sudo():
        return False
    known = {group.gr_gid for group in grp.getgrall() if group.gr_name in SUDOERS}
    if known & {os.getegid(), *os.getgroups()}:
        return True
    return asked(["sudo", "-n", "true"], SUDO_SECONDS).returncode == 0


def as_root(command: str) -> str:
    """The command through sudo, or through su where there is no sudo; alone for somebody who is root."""
    if is_root():
        return command
    return f"sudo {command}" if has_sudo() else f"su - -c {shlex.quote(command)}"
