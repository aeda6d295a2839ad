"""What people type for digits, dashes and letters of commands: keyboards have other ones than ASCII's. Pure.

Japanese and Chinese ones write them wide, Persian, Arabic and Indic ones have digits of their own, and phones write a
long dash between two times. Names and texts aren't read so: they stay as they were typed.
"""

from __future__ import annotations

import re
import shlex
import unicodedata

_DASH = re.compile("[\u2010-\u2015\u2212\uff0d]")
_COLON = re.compile("[\u2236\ua789\ufe55\uff1a]")

_ONE_ARGUMENT = re.compile(r"[\w@%+=.-]+")

ENDS = ".!?,;\u2026\u3002\uff01\uff1f\uff0c\u061f\u060c\u06d4\u0964"
"What phones put behind a word."


def typed(text: str) -> str:
    """The same in ASCII's own digits, dashes, colons and letters, as far as there are such."""
    plain = unicodedata.normalize("NFKC", _COLON.sub(":", _DASH.sub("-", text)))
    return "".join(str(unicodedata.digit(each)) if each.isdecimal() else each for each in plain)


def keyword(text: str) -> str:
    """A word of a command, in lower case and without the full stop behind it."""
    return typed(text).lower().rstrip(ENDS)


def in_shell(name: str) -> str:
    """A name as one argument of a shell's command: in quotes if it needs them."""
    return name if _ONE_ARGUMENT.fullmatch(name) else shlex.quote(name)
