"""Lines for a terminal of a known width: broken between words, and never inside a link, an address or a path. Pure."""

from __future__ import annotations

import re
import textwrap

NARROWEST = 20
"Columns. A terminal that says it has fewer doesn't say how wide it is."

THEIRS = "│ "
"Before each line that somebody else has written, and before what it goes on in: none of theirs passes for ours."

_FIRST_COLUMN = re.compile(r" {0,4}(?:\S+ ){1,3} +(?=\S)")
"Such as `overlay    ` before what is said of it: the text goes on below its own beginning."


def wrapped(text: str, width: int, *, hanging: int | None = None) -> str:
    """The text, in which a line longer than `width` columns goes on in further ones, `hanging` columns to the right.

    Without `hanging` that is seen from the line. One that is indented and has no columns is something to copy: it stays
    as it is.
    """
    width = max(width, NARROWEST)
    return "\n".join(part for line in text.split("\n") for part in _wrapped(line, width, hanging))


def _wrapped(line: str, width: int, hanging: int | None) -> list[str]:
    if len(line) <= width:
        return [line]
    if line.startswith(THEIRS):
        return [f"{THEIRS}{part}" for part in _wrapped(line.removeprefix(THEIRS), width - len(THEIRS), 0)]
    if hanging is None:
        column = _FIRST_COLUMN.match(line)
        if column is None and line.startswith(" "):
            return [line]
        hanging = column.end() if column is not None and column.end() <= width // 2 else 0
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
