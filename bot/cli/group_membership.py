"""Makes a new group membership take effect at once: the program restarts itself within the group.

The session began before the membership, so it doesn't have it. sg(1) does this, and asks members for no password. A
service with NoNewPrivileges can't use it: it has the groups that its user's systemd began with, until that restarts.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.terminal.streams import drain
from peer.overlay.yggdrasil_admin import USUAL_PLACES

VARIABLE = "COPYBARA_JOINED"
"Set for the program that was started within the group, so that it doesn't try again."

COPYBARA = "import sys; from bot.cli.main import main; sys.exit(main())"


def missing_group(places: Sequence[str] | None = None) -> str | None:
    """The group of an admin socket if the user is a member but this session isn't. Otherwise None."""
    for place in places if places is not None else [each.path for each in USUAL_PLACES if each.path]:
        try:
            status = os.stat(place)
            if not stat.S_ISSOCK(status.st_mode) or os.access(place, os.R_OK | os.W_OK):
                continue
            group, user = grp.getgrgid(status.st_gid), pwd.getpwuid(os.geteuid()).pw_name
        except (OSError, KeyError):
            continue
        if user in group.gr_mem and group.gr_gid not in os.getgroups():
            return group.gr_name
    return None


def join() -> None:
    """Restart within a group that this session lacks, if there is one."""
    if (group := missing_group()) is not None:
        start_within(group, sys.argv[1:])


def start_within(group: str, arguments: Sequence[str], program: str = COPYBARA) -> None:
    """Replace this process by a Python program with these arguments within the group. Returns if that can't be done."""
    if os.environ.get(VARIABLE) or shutil.which("sg") is None or _gains_nothing():
        return
    command = shlex.join([sys.executable, "-P", "-c", program, *arguments])
    sys.stdout.flush()
    drain()
    os.execvpe("sg", ["sg", group, "-c", f"exec {command}"], {**os.environ, VARIABLE: group})  # noqa: S606, S607


def in_database(group: str) -> bool:
    """Whether the user database has the user in the group, whatever this session has."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def _gains_nothing(status: Path = Path("/proc/self/status")) -> bool:
    try:
        return any(line.split() == ["NoNewPrivs:", "1"] for line in status.read_text().splitlines())
    except OSError:
        return True
