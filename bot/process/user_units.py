"""Where a user's own systemd units are, and whether Copybara's own one keeps the page's port."""

from __future__ import annotations

import os
from pathlib import Path

SOCKET = "copybara.socket"


def folder() -> Path:
    """Where the user's own units are (systemd.unit(5))."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user"


def keeps_port(port: int) -> bool:
    """Whether systemd holds that port for the background service, also while the program fails."""
    try:
        lines = (folder() / SOCKET).read_text(errors="replace").splitlines()
    except OSError:
        return False
    return f"ListenStream=127.0.0.1:{port}" in lines
