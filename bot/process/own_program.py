"""Where this program is, for what starts it later: a systemd unit, a desktop."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from shared.errors import InputError


def own_program() -> str:
    """The program's own path. Raises InputError if it isn't installed."""
    beside = Path(sys.executable).with_name("copybara")
    found = str(beside) if beside.exists() else shutil.which("copybara")
    if found is None:
        raise InputError("The program copybara isn't installed.", "Install it: pipx install .")
    return found
