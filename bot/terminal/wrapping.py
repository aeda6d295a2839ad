"""Lines for a terminal of a known width: broken between words, and never inside what somebody copies. Pure.

That is a link, an address or a path, and a command after a colon or between backticks, with its arguments.
"""

from __future__ import annotations

import re
import unicodedata

NARROWEST = 20
"Columns. A terminal that says it has fewer doesn't say how wide it is."

THEIRS = "│ "
"Before each line that somebody else has written, and before what it goes on in: none of theirs passes for ours."

NEWS = 2
"""Columns that news goes on to the right. It holds others' names, files and words: wherever it is broken, none of them
stands where a line of the program begins.
"""

_PROGRAMS = (
    *("apt", "apt-get", "chmod", "copybara", "docker", "firewall-cmd", "git", "journalctl", "keyring", "less"),
    *("loginctl", "nft", "pipx", "ssh", "su", "sudo", "systemctl", "tar", "ufw"),
    *("/answer", "/call", "/contact", "/contacts", "/devices", "/differ", "/files", "/hangup", "/hold", "/name"),
    *("/record", "/refuse", "/resume", "/say", "/sdp", "/send"),
)
"What a command that is to be copied begins with."

_STARTS = rf"(?:\(|(?<=: )|(?<=you mean ))(?:{'|'.join(_PROGRAMS)})(?= )"
_GOES_ON = r"(?:(?![.,;?)](?: |$)|  |`).)+[^ ]*"
_SETTING = r"(?<=: )\[[a-z]+\] [^ ]+ = .+"
_TO_COPY = rf"`[^`]+`[^ ]*|{_SETTING}|{_STARTS}{_GOES_ON}"
_WORDS = re.compile(r" +|[^ ]+")
_TOKENS = re.compile(rf" +|{_TO_COPY}|[^ ]+")
_FIRST_COLUMN = re.compile(r" {0,4}(?:- |(?:\S+ ){1,4} +)(?=\S)")
"Such as `overlay    ` or `- ` before what is said of it: the text goes on below its own beginning."


def wrapped(text: str, width: int, *, hanging: int | None = None, at_least: int = 0) -> str:
    """The text, in which a line longer than `width` columns goes on in further ones, `hanging` columns to the right.

    Without `hanging` that is seen from the line, but no less than `at_least`. One that is indented and has no columns
    is something to copy: it stays as it is. So does a command, on a line of its own; but not in news, which is
    `at_least` so far to the right: a terminal breaks a long line at its edge, and goes on where ours begin.
    """
    width = max(width, NARROWEST)
    return "\n".join(part for line in text.split("\n") for part in _wrapped(line, width, hanging, at_least))


def _wrapped(line: str, width: int, hanging: int | None, at_least: int = 0) -> list[str]:
    if columns(line) <= width:
        return [line]
    if line.startswith(THEIRS):
        return [f"{THEIRS}{part}" for part in _wrapped(line.removeprefix(THEIRS), width - len(THEIRS), 0, 1)]
    if hanging is None:
        column = _FIRST_COLUMN.match(line)
        if column is None and line.startswith(" "):
            return [line]
        hanging = column.end() if column is not None and column.end() <= width // 2 else at_least
    lines, now = list[str](), ""
    for token in _TOKENS.findall(line):
        for piece in _pieces(token, width - hanging, whole=not at_least):
            if columns(now) > hanging and columns(now) + columns(piece) > width:
                lines.append(now.rstrip(" "))
                now = " " * hanging
            if piece.strip(" ") or now.strip() or not lines:  # blanks are dropped where the line is broken
                now += piece
    return [*lines, now.rstrip(" ")]


def _pieces(token: str, width: int, *, whole: bool) -> list[str]:
    """A word whole, for it may be to copy. One that isn't ASCII is not, and the terminal would break it anywhere.

    A command that is wider than a line is in one piece only if `whole`.
    """
    if columns(token) <= width or (whole and token.isascii()):
        return [token]
    if token.strip(" ") and " " in token:
        return [piece for word in _WORDS.findall(token) for piece in _pieces(word, width, whole=whole)]
    if token.isascii():
        return [token]
    pieces = [""]
    for each in token:
        if columns(pieces[-1] + each) > width:
            pieces.append("")
        pieces[-1] += each
    return pieces


def columns(text: str) -> int:
    """How many a terminal takes for a line, at most: two for a wide character (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else len(text) + sum(map(_is_wide, text))


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
