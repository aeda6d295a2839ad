"""Checks of systemd services: the user's own, if there is one, and the overlay node's."""

from __future__ import annotations

import getpass
from pathlib import Path

from bot.cli import service
from bot.cli.doctor.check import Check
from bot.cli.service import units
from bot.cli.setup.yggdrasil.plan import UNIT
from bot.home import Home
from bot.terminal.as_root import as_root
from shared.config.schema import Config

ENDED = ("failed", "activating")
"The states of a service that ends as soon as it is started: systemd tries again, or has given up."


def yggdrasil_node() -> Check | None:
    """Whether Yggdrasil's service has failed. None if it hasn't, or if there is none."""
    if service.state_of(UNIT, of_user=False) not in ENDED:
        return None
    hint = f"To start it again: {as_root(f'systemctl restart {UNIT}')}. If it ends again, see why: journalctl -u {UNIT}"
    return Check("yggdrasil", ok=False, detail="is installed, but its service has failed", hint=hint)


def background(home: Home, config: Config, lingering: Path = service.LINGER) -> Check | None:
    """Whether the service runs, also when its user is logged out, and matches this version. None without a service.

    `lingering` is the folder in which systemd notes whose services run without a log-in.
    """
    if not (service.folder() / units.SERVICE).exists():
        return None
    state = service.state_of(units.SERVICE)
    if service.fails():
        hint = "To try again: copybara service install. To take it away: copybara service remove"
        return Check("service", ok=False, detail=f"fails whenever it is started. {service.cause()}".strip(), hint=hint)
    if why := service.cant_start():
        hint = "It starts once that is done. If it doesn't: copybara service install"
        return Check("service", ok=False, detail=f"can't start: {why}", hint=hint)
    if state not in service.RUNS:
        hint = "Start it: copybara service install. What it says: journalctl --user -u copybara"
        return Check("service", ok=True, note=True, detail=f"is installed but isn't running: {state}", hint=hint)
    if (waits := service.why_it_waits(home)) is not None:
        return Check("service", ok=False, detail=f"runs, but can't call yet: {waits.sentence}", hint=waits.hint)
    if service.is_outdated(home, config):
        hint = "To renew it: copybara service install"
        detail = "runs as another version or other settings had it"
        return Check("service", ok=True, note=True, detail=detail, hint=hint)
    if not service.lingers(lingering):
        hint = f"Run: {as_root(f'loginctl enable-linger {getpass.getuser()}')}"
        return Check("service", ok=True, note=True, detail="runs, and stops when you log out", hint=hint)
    return Check("service", ok=True, detail="runs, also while you are logged out")
