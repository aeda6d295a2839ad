"""On which line of a TOML text a key stands: the standard parser doesn't keep it."""

from __future__ import annotations

import re
import tomllib

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|("(?:[^"\\\n]|\\.)*"|'[^'\n]*'))[ \t]*""")
_VALUE_PART = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}'''
    r"""|'''.*?'{3,5}"""
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
    r"""|#[^\n]*|[\[{]|[\]}]|\n|[^"'#\[\]{}\n]+""",
    re.DOTALL,
)


def line_of(text: str, key: tuple[str, ...]) -> int | None:
    """The line (from 1) where a value is given: `calls.lifetime` is `("calls", "lifetime")`.

    `text` must be valid TOML 1.0. Tables, dotted and quoted keys, comments and values of several lines are
    understood; for a key inside an inline table, and for one that isn't there at all, it is the line of the
    innermost table around it. None if the text has nothing of it.
    """
    best: int | None = None
    best_depth = 0
    for place, line in _statements(text):
        depth = min(len(place), len(key))
        if depth > best_depth and place[:depth] == key[:depth]:
            best, best_depth = line, depth
    return best


def _statements(text: str) -> list[tuple[tuple[str, ...], int]]:
    """Each table header and each assignment, as the whole key and its line, in time linear in the text."""
    found: list[tuple[tuple[str, ...], int]] = []
    table: tuple[str, ...] = ()
    position, line, counted = 0, 1, 0
    while (position := _end(_BLANK.match(text, position), position)) < len(text):
        line += text.count("\n", counted, position)
        counted = position
        header = text[position] == "["
        if header:
            position += 2 if text.startswith("[[", position) else 1
        key, position = _key(text, position)
        if header:
            table = key
            found.append((table, line))
            position = text.find("]", position)
        else:
            found.append((table + key, line))
        if position < 0 or not key:
            break  # not valid TOML
        position = _after_value(text, position)
    return found


def _key(text: str, position: int) -> tuple[tuple[str, ...], int]:
    parts: list[str] = []
    while part := _KEY_PART.match(text, position):
        bare, quoted = part.groups()
        parts.append(bare if bare is not None else tomllib.loads(f"key = {quoted}")["key"])
        position = part.end()
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(parts), position


def _after_value(text: str, position: int) -> int:
    """The end of the line that a value ends on."""
    depth = 0
    while part := _VALUE_PART.match(text, position):
        position = part.end()
        match part.group():
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth <= 0:
                break
    return position


def _end(match: re.Match[str] | None, otherwise: int) -> int:
    return match.end() if match else otherwise
