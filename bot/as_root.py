"""A command that only root may run, as somebody on this computer types it."""

from __future__ import annotations

import os
import shlex
import shutil


def is_root() -> bool:
    """Whether this process may do everything."""
    return os.geteuid() == 0


def has_sudo() -> bool:
    """Whether sudo is installed."""
    return shutil.which("sudo") is not None


def as_root(command: str) -> str:
    """The command through sudo, or through su where there is no sudo; alone for somebody who is root."""
    if is_root():
        return command
    return f"sudo {command}" if has_sudo() else f"su - -c {shlex.quote(command)}"
