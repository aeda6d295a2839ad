"""Why this user can't read and write a file or folder, and the command that changes it."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

ELSEWHERE = "Name another one, such as another home with --home."


def missing_rights(paths: Sequence[Path]) -> tuple[str, str] | None:
    """The first of these that this user may not read and write, as half a sentence, and what to do about all of them.

    The sentence is about the first path. One that isn't there is left out. None if none is refused: there is another
    cause.
    """
    refused = [(path, status) for path in paths if (status := _refused(path)) is not None]
    if not refused:
        return None
    path, status = refused[0]
    is_folder = stat.S_ISDIR(status.st_mode)
    name = "it" if path == paths[0] else str(path) if is_folder else path.name
    likewise = shlex.join(str(each) for each, its in refused if its.st_uid == status.st_uid)
    if status.st_uid == os.geteuid():
        what = "write to" if os.access(path, os.R_OK) else "read"
        return f"you may not {what} {name}", f"Run: chmod u+rwX {likewise}"
    why = f"{name} belongs to the user {_user(status.st_uid)}"
    if is_folder:  # such as a folder of the system
        return why, ELSEWHERE
    return why, f"If it should be yours, run: sudo chown {_user(os.geteuid())} {likewise}"


def _refused(path: Path) -> os.stat_result | None:
    """The status of a path that is there and that its mode or its owner keep from this user."""
    try:
        status = path.stat()
    except OSError:
        return None
    needed = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(status.st_mode) else 0)
    if os.access(path, needed):
        return None
    # The owner whose mode allows it is refused by something else, such as a disk that is read-only.
    own = status.st_mode >> 6 & needed == needed
    return None if own and status.st_uid == os.geteuid() else status


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
