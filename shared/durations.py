"""Lengths of time, for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """About so long, such as `15 minutes`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length or unit == "minute":
            count = max(1, round(seconds / length))
            break
    return f"{count} {unit}{'s' if count != 1 else ''}"
