"""Which users a process can tell apart in a user namespace (user_namespaces(7)), such as a container or a sandbox."""

from __future__ import annotations

from pathlib import Path

UNMAPPED = 65_534
"The owner that a user namespace shows for users it doesn't know, the machine's root among them."

MAP = Path("/proc/self/uid_map")


def hides(uid: int, uid_map: Path = MAP) -> bool:
    """Whether this uid may be any user whom our namespace doesn't know, and isn't one that is called so."""
    if uid != UNMAPPED:
        return False
    try:
        ranges = [[int(number) for number in line.split()] for line in uid_map.read_text().splitlines()]
    except OSError:  # not Linux
        return False
    return not any(first <= uid < first + count for first, _, count in ranges)
