"""A file's name that somebody else has chosen, made safe for any file system and for people to read. Pure."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 180
"Of a name in UTF-8: file systems take 255, and a number may be added to it."

MAX_SUFFIX_BYTES = 24
"Of the part behind the last dot, which is kept when a name is cut."

NAMELESS = "file"

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
"On Windows: a folder may be on a disk that is used there too, or be shared with it."

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
"Devices there, with any suffix and blanks before it."

_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"Categories of characters that nobody sees, that turn others around, or that have no meaning."

_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"Letters and marks that show nothing. Variation selectors are left out as well."


def safe_name(name: str) -> str:
    """The name that a file gets, for a name that came from elsewhere: one visible component, at most MAX_BYTES bytes.

    The same name again for a name that is safe already. Never empty, hidden, a path, or a device of Windows.
    """
    component = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(character for character in component if _is_shown(character))
    shown = unicodedata.normalize("NFC", " ".join(_FORBIDDEN.sub("_", shown).split()))
    while (fitting := _fitting(shown)) != shown:  # what is cut has another end, and perhaps another suffix
        shown = fitting
    return shown or NAMELESS


def numbered(name: str, number: int) -> str:
    """The same name with a number, for when it is taken: `holiday.jpg` becomes `holiday (2).jpg`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem} ({number}).{suffix}" if dot and stem else f"{name} ({number})"


def _is_shown(character: str) -> bool:
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    control = character.isspace()  # becomes a blank
    return control or not (selector or character in _INVISIBLE or unicodedata.category(character) in _NOT_SHOWN)


def _fitting(name: str) -> str:
    """Nearer to one with tidy edges that is short enough and no device; the same if it is that."""
    name = _tidy_edges(name)
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > MAX_SUFFIX_BYTES or not stem:
        stem, suffix = name, ""
    else:
        suffix = f".{suffix}"
    mark = "_" if _RESERVED.fullmatch(stem.partition(".")[0].rstrip(" ")) else ""
    return f"{mark}{_cut(stem, MAX_BYTES - len(f'{mark}{suffix}'.encode()))}{suffix}"


def _tidy_edges(name: str) -> str:
    """Without dots and blanks at both ends, a dash at the beginning, or a mark that would change what stands before."""
    name = name.strip(" .").lstrip("-")
    return name[1:] if name and unicodedata.category(name[0]).startswith("M") else name


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore").rstrip(" .")
