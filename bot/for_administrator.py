"""The command that set-up has left for an administrator, for a user who may not use sudo."""

from __future__ import annotations

import shlex

from bot.home import Home
from bot.terminal.as_root import as_root
from shared.store.files import known_errors


def command(home: Home) -> str:
    """The command with which an administrator runs the script (bot/cli/setup/yggdrasil/for_root.py)."""
    return as_root(f"sh {shlex.quote(str(home.for_root))}")


def handed_over(home: Home) -> bool:
    """Whether there is a script that, as far as is known, no administrator has run yet. Raises StoreError."""
    with known_errors(home.for_root):
        return home.for_root.exists()
