"""What `copybara doctor` checks of the systemd user service, if there is one."""

from __future__ import annotations

import getpass

from bot.as_root import as_root
from bot.cli import service
from bot.cli.doctor.check import Check
from bot.cli.service import units


def background() -> Check | None:
    """Whether the service runs, also while its user is logged out. None without a service."""
    if not (service.folder() / units.SERVICE).exists():
        return None
    state = service.state_of(units.SERVICE)
    if state not in service.RUNS:
        hint = "Start it: copybara service install. What it says: journalctl --user -u copybara"
        return Check("service", ok=True, note=True, detail=f"is installed but isn't running: {state}", hint=hint)
    if not service.lingers():
        hint = f"Run: {as_root(f'loginctl enable-linger {getpass.getuser()}')}"
        return Check("service", ok=True, note=True, detail="runs, and stops when you log out", hint=hint)
    return Check("service", ok=True, detail="runs, also while you are logged out")
