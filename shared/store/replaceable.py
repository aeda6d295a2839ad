"""Whether another user could swap a folder that is ours for another one, by renaming what is above it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

UNMAPPED = 65_534
"The owner that a user namespace shows for users it doesn't know, the machine's root among them (user_namespaces(7))."


@dataclass(frozen=True, slots=True)
class Replaceable:
    """A folder that lets others do so."""

    folder: Path
    who: str
    "Who they are, as the beginning of a sentence."


def replaceable(path: Path) -> Replaceable | None:
    """The first folder above `path`, with links followed and without, that lets others rename what is in it.

    Raises OSError.
    """
    above = {*path.parents, *path.resolve().parents}
    for folder in sorted(each for each in above if each.is_dir()):
        status = folder.stat()
        sticky = status.st_mode & stat.S_ISVTX
        if status.st_mode & stat.S_IWOTH and not sticky:
            return Replaceable(folder, "Everybody")
        if status.st_mode & stat.S_IWGRP and not sticky and _has_others(status.st_gid):
            return Replaceable(folder, "Others in a group")
        if status.st_uid not in (0, os.geteuid(), UNMAPPED):
            return Replaceable(folder, "Another user")
    return None


def _has_others(group: int) -> bool:
    """Whether somebody besides us and root is in a group, or it can't be told. Most users have one of their own."""
    if group == 0:
        return False
    try:
        here = pwd.getpwuid(os.geteuid()).pw_name
        members = {*grp.getgrgid(group).gr_mem, *(each.pw_name for each in pwd.getpwall() if each.pw_gid == group)}
    except KeyError:
        return True
    return bool(members - {here, "root"})
