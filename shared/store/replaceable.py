"""Checks whether another user could swap our folder for another one, by renaming a folder above it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from shared.user_namespace import UNMAPPED

ACCESS_LIST = "system.posix_acl_access"

MOST_LINKS = 40
"How many symbolic links are followed, as in Linux."


@dataclass(frozen=True, slots=True)
class Replaceable:
    """A folder in which other users can rename."""

    folder: Path
    who: str
    "Who these users are, as the beginning of a sentence."


def replaceable(path: Path) -> Replaceable | None:
    """The first folder above `path` in which other users can rename, with links followed and without.

    None if there is none.

    The owner of a link can change its target, even if nobody else may rename it. Raises OSError.
    """
    above = _above(path)
    for link in sorted(each for each in (path.absolute(), *above) if each.is_symlink()):
        if link.lstat().st_uid not in (0, os.geteuid(), UNMAPPED):
            return Replaceable(link, "Another user")
    for folder in sorted(each for each in above if each.is_dir()):
        status = folder.stat()
        sticky = status.st_mode & stat.S_ISVTX
        if status.st_mode & stat.S_IWOTH and not sticky:
            return Replaceable(folder, "Everybody")
        # With an access control list, the group's bits show the rights of everybody in the list.
        if status.st_mode & stat.S_IWGRP and not sticky and (_has_list(folder) or _has_others(status.st_gid)):
            return Replaceable(folder, "Others in a group")
        if status.st_uid not in (0, os.geteuid(), UNMAPPED):
            return Replaceable(folder, "Another user")
    return None


def _above(path: Path) -> set[Path]:
    """All folders on the way to it, also those with links that lead there."""
    above, todo = {*path.resolve().parents}, [path.absolute()]
    seen: set[Path] = set()
    while todo and len(seen) < MOST_LINKS:
        way = todo.pop()
        seen.add(way)
        above |= {*way.parents}
        for link in (each for each in (way, *way.parents) if each.is_symlink()):
            target = Path(os.path.normpath(link.parent / link.readlink())) / way.relative_to(link)
            if target not in seen:
                todo.append(target)
    return above


def _has_list(folder: Path) -> bool:
    """Whether it has an access control list (acl(5)). False if the system or the disk has none."""
    try:
        return ACCESS_LIST in os.listxattr(folder) if hasattr(os, "listxattr") else False
    except OSError:
        return False


def _has_others(group: int) -> bool:
    """Whether a group has members besides us and root, or that isn't known. Most users have their own group."""
    if group == 0:
        return False
    try:
        here = pwd.getpwuid(os.geteuid()).pw_name
        members = {*grp.getgrgid(group).gr_mem, *(each.pw_name for each in pwd.getpwall() if each.pw_gid == group)}
    except KeyError:
        return True
    return bool(members - {here, "root"})
