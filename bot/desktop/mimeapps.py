"""The user's list of what opens what: one entry is added or taken out, and every other line stays as it is. Pure."""

from __future__ import annotations

DEFAULTS = "[Default Applications]"


def with_default(text: str, kind: str, entry: str) -> str:
    """The list in which `entry` opens what is of that kind; others that did are kept behind it."""
    lines = text.splitlines(keepends=True)
    place = _place(lines, kind)
    if place is not None:
        opened_by = _entries(lines[place])
        if opened_by[:1] != [entry]:
            lines[place] = _line(kind, [entry, *(each for each in opened_by if each != entry)])
        return "".join(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    group = _group(lines)
    if group is None:
        lines.append(f"{DEFAULTS}\n")
        group = len(lines) - 1
    lines.insert(group + 1, _line(kind, [entry]))
    return "".join(lines)


def without_default(text: str, kind: str, entry: str) -> str:
    """The list in which `entry` opens nothing of that kind; "" if there is nothing else in it."""
    lines = text.splitlines(keepends=True)
    place = _place(lines, kind)
    if place is not None and entry in (opened_by := _entries(lines[place])):
        left = [each for each in opened_by if each != entry]
        lines[place : place + 1] = [_line(kind, left)] if left else []
        if not any(line.strip() not in ("", DEFAULTS) for line in lines):
            return ""
    return "".join(lines)


def _group(lines: list[str]) -> int | None:
    return next((number for number, line in enumerate(lines) if line.strip() == DEFAULTS), None)


def _place(lines: list[str], kind: str) -> int | None:
    """The line that says what opens it, in its group."""
    group = _group(lines)
    if group is None:
        return None
    for number in range(group + 1, len(lines)):
        line = lines[number].strip()
        if line.startswith("["):
            return None
        if line.partition("=")[0].rstrip() == kind:
            return number
    return None


def _entries(line: str) -> list[str]:
    return [each for each in line.partition("=")[2].strip().split(";") if each]


def _line(kind: str, entries: list[str]) -> str:
    return f"{kind}={';'.join(entries)};\n"
