"""Checks of the home. They change nothing there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from bot.cli.doctor.check import Check
from bot.home import Home, who_runs
from shared.errors import StoreError
from shared.store import Store
from shared.store.files import MOUNT_FOR_WRITING, known_errors, refusal


def folder(home: Home) -> str | Check:
    """Whether the home can be used, or made. Raises StoreError."""
    home.refuse_half_restored()
    with known_errors(home.folder):
        if not home.folder.exists():
            return _can_be_made(home.folder)
        status = home.folder.stat()
    home.check(status)
    _takes_bytes(home.folder)
    others = stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    if others:
        detail = f"{home.folder}, which other users can look into"
        return Check("home", ok=True, note=True, detail=detail, hint=f"Run: chmod 700 {home.folder}")
    if home.kept.exists():
        detail = f"{home.folder}. What lay there before a restore is still in {home.kept}"
        return Check("home", ok=True, note=True, detail=detail, hint="Move it where you want it.")
    return str(home.folder)


NONE_RUNS = "no copybara runs with this home"


def process(home: Home) -> Check:
    """Whether a copybara runs with the home. If not, the detail is `NONE_RUNS`."""
    try:
        running = who_runs(home)
    except StoreError as error:
        return Check.failed("process", error)
    if running is None:
        return Check("process", ok=True, detail=NONE_RUNS)
    which = f" (process {running.process})" if running.process else ""
    return Check("process", ok=True, detail=f"a copybara runs with this home{which}, as it should")


def database(home: Home) -> str:
    """The contents of the database in numbers. Raises StoreError if it can't be used."""
    with known_errors(home.database):
        if not home.database.exists():
            return "none yet; the first start makes it"
    with Store(home.database, thorough=True) as store:
        contacts, others = len(store.contacts()), store.devices()
    known = f"{contacts} contact{'' if contacts == 1 else 's'}"
    return f"{known}, other devices: {', '.join(each.name for each in others)}" if others else known


def _takes_bytes(path: Path) -> None:
    """Raise StoreError if nothing can be written there now."""
    with known_errors(path):
        full = os.statvfs(path).f_bavail == 0
    number = errno.ENOSPC if full else refusal(path)
    if number in (errno.ENOSPC, errno.EDQUOT):
        raise StoreError(f"There is no room in {path}: the disk is full.", "Make room on it; calls need little.")
    if number is not None:
        raise StoreError(
            f"Nothing can be written in {path}: {os.strerror(number)}.",
            MOUNT_FOR_WRITING,
        )


def _can_be_made(path: Path) -> Check:
    above = next(parent for parent in path.parents if os.path.exists(parent))
    if not os.access(above, os.W_OK | os.X_OK):
        raise StoreError(
            f"The home {path} isn't there and can't be made: you may not write in {above}.",
            "Give another folder with --home.",
        )
    return Check("home", ok=True, note=True, detail=f"{path} isn't there yet; the first start makes it")
