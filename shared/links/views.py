"""Undoes changes to a text on its way, and keeps the place of each character in the message. Pure.

Redirectors and share buttons percent-encode links. Mail programs wrap lines (quoted-printable, RFC 2045, 6.7) and put
scanners' addresses around links. Editors escape links for Markdown, HTML or JSON. Chats add invisible marks. Word
processors and keyboards write other dashes and wide letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from shared.printable import IGNORABLE, ignorable, late_pattern

_ASCII_BYTE = "[2-7][0-9A-Fa-f]"

_QUOTED = re.compile(
    rf"=(?P<ascii>{_ASCII_BYTE})|(?P<utf8>=C[2-9A-F]=[89AB][0-9A-F]|=E[0-9A-F](?:=[89AB][0-9A-F]){{2}})"
    r"|=[ \t]{0,8}\r?\n(?:>[> ]{0,16})?",
    re.ASCII | re.IGNORECASE,
)
_IS_QUOTED = re.compile(
    rf"=3D|=[ \t]{{0,8}}\r?\n|=E[0-9A-F]=[89AB][0-9A-F]|=C2=AD|(?:={_ASCII_BYTE}){{3}}", re.IGNORECASE
)

_URLDEFENSE_2 = re.compile(r"urldefense(?:\.proofpoint)?\.com/v2/url\?u=([A-Za-z0-9._-]+)", re.ASCII | re.IGNORECASE)
_ESCAPED = re.compile(r"-([2-7][0-9A-Fa-f])|_", re.ASCII)

_MARKUP = re.compile(
    r"&(?:amp;){0,4}(?:\#[0-9]{1,7}|\#x[0-9a-f]{1,6}|[a-z]{1,32});"
    r"|</?(?:wbr|b|i|u|s|em|strong|mark|code|tt|span|font)(?:[ ][^<>]{0,200})?/?>"
    r"|(?P<line><br(?:[ ][^<>]{0,100})?/?>\r?\n?|</(?:p|div|li)>\s{0,8}<(?:p|div|li)(?:[ ][^<>]{0,200})?>)"
    r"|\x1b\[[0-9;:]{0,16}[A-Za-z]|\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|[\x02\x0f\x11\x16\x1d-\x1f]",
    re.ASCII | re.IGNORECASE,
)

_AMPERSANDS = re.compile("&(?:amp;)+", re.IGNORECASE)

_BACKSLASH = re.compile(r"\\{1,4}(?:u([0-9A-Fa-f]{4})|x([2-7][0-9A-Fa-f])|([!-/:-@\[\]-`{-~]))", re.ASCII)

_PERCENT = re.compile(
    r"%(?:25){0,8}(?:(?P<ascii>[2-7][0-9A-F])|"
    r"(?P<utf8>C[2-9A-F]%(?:25){0,8}[89AB][0-9A-F]|E[0-9A-F](?:%(?:25){0,8}[89AB][0-9A-F]){2}))",
    re.ASCII | re.IGNORECASE,
)
# Undo all levels of encoding, such as a scanner's address around a redirector's around a share button's.

_HEX = re.compile(r"[=%](?:25)*([0-9A-F]{2})", re.ASCII | re.IGNORECASE)

_ODD = late_pattern(rf"{IGNORABLE}|[\u2010-\u2014\u2212\uFE58\uFE63\uFF01-\uFF5E\x85\p{{Zl}}\p{{Zp}}]|(?! )\p{{Zs}}")


class View(msgspec.Struct, frozen=True):
    """A text, and the place of each of its characters in the message."""

    text: str
    places: tuple[int, ...] | None
    "The index in the message for each character, and for the end. None if the text is the message."

    def place(self, index: int) -> int:
        """The index in the message of a character."""
        return index if self.places is None else self.places[index]


def views(text: str) -> Iterator[View]:
    """The message, then versions with one kind of encoding undone after the other: at most seven different texts."""
    view = View(text, None)
    yield view
    for undo in (_unquoted, _without_scanner, _without_markup, _without_backslashes, _percent_decoded, _plain):
        changed = undo(view)
        if changed is not None:
            view = changed
            yield view


def _unquoted(view: View) -> View | None:
    if not _IS_QUOTED.search(view.text):
        return None
    return _replaced(view, _QUOTED, _character)


def _without_scanner(view: View) -> View | None:
    """In `urldefense.com/v2/url?u=https-3A__t.me_…`, other characters replace percent signs and slashes."""
    found = _URLDEFENSE_2.search(view.text)
    if found is None:
        return None
    start, end = found.span(1)
    return _replaced(view, _ESCAPED, lambda match: chr(int(match[1], 16)) if match[1] else "/", start, end)


def _without_markup(view: View) -> View | None:
    """Undo HTML escapes at any depth, and remove tags inside words and colours of terminals and IRC. Addresses stay."""
    return _replaced(view, _MARKUP, lambda match: "\n" if match["line"] else _entity(match[0]))


def _entity(text: str) -> str:
    if text[0] != "&":
        return ""
    # Its two thousand names take half a megabyte, and few messages have one.
    from html import unescape

    return unescape(_AMPERSANDS.sub("&", text))


def _without_backslashes(view: View) -> View | None:
    """Undo the backslashes of Markdown (`\\_`), of JSON (`\\/`, `\\u003d`) and of other languages (`\\x3a`)."""
    return _replaced(view, _BACKSLASH, lambda match: chr(int(code, 16)) if (code := match[1] or match[2]) else match[3])


def _percent_decoded(view: View) -> View | None:
    return _replaced(view, _PERCENT, _character)


def _plain(view: View) -> View | None:
    """Remove invisible characters, and replace other dashes, spaces and wide letters with ASCII."""
    return None if view.text.isascii() else _replaced(view, _ODD(), _as_ascii)


def _character(match: re.Match[str]) -> str:
    if match["ascii"]:
        return chr(int(match["ascii"], 16))
    return bytes.fromhex("".join(_HEX.findall(match[0]))).decode(errors="ignore") if match["utf8"] else ""


def _as_ascii(match: re.Match[str]) -> str:
    odd = match[0]
    if ignorable().match(odd):
        return ""
    if "\uff01" <= odd <= "\uff5e":
        return chr(ord(odd) - 0xFEE0)
    if odd in "\x85\u2028\u2029":
        return "\n"
    if odd.isspace():
        return " "
    # Phones turn two hyphens into a long dash.
    return "--" if odd == "\u2014" else "-"


def _replaced(
    view: View, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str], start: int = 0, stop: int | None = None
) -> View | None:
    """The view with each match replaced by a few characters or none. None if nothing matches."""
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for match in pattern.finditer(view.text, start, len(view.text) if stop is None else stop):
        parts += [view.text[end : match.start()], new := by(match)]
        places += map(view.place, range(end, match.start()))
        places += [view.place(match.start())] * len(new)
        end = match.end()
    if not end:
        return None
    parts.append(view.text[end:])
    places += map(view.place, range(end, len(view.text) + 1))
    return View("".join(parts), tuple(places))
