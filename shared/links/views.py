"""Undoes what happened to a text on its way: the same message as a person reads it, each character with its place.
Pure.

Redirectors and share buttons percent-encode links, mail programs wrap lines (quoted-printable, RFC 2045, 6.7) and put
scanners' addresses around links, chats put invisible marks into them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.printable import ignorable

ROUNDS = 3
"How often a link may have been percent-encoded: a scanner's address around a redirector's around a share button's."

_PERCENT = re.compile(r"%([2-7][0-9A-Fa-f])", re.ASCII)
_QUOTED = re.compile(r"=([2-7][0-9A-F])|=[ \t]*\r?\n", re.ASCII)
_IS_QUOTED = re.compile(r"=3D|=\r?\n", re.ASCII)
_URLDEFENSE_2 = re.compile(r"urldefense(?:\.proofpoint)?\.com/v2/url\?u=([A-Za-z0-9._-]+)", re.ASCII | re.IGNORECASE)
_ESCAPED = re.compile(r"-([2-7][0-9A-Fa-f])|_", re.ASCII)


@dataclass(frozen=True, slots=True)
class View:
    """A text, and where each of its characters stood in the message."""

    text: str
    places: tuple[int, ...] | None
    "For each character, and the end, an index in the message; None if they are the message's own."

    def place(self, index: int) -> int:
        """Where in the message the character stands."""
        return index if self.places is None else self.places[index]


def views(text: str) -> Iterator[View]:
    """The message as it is, and then as it was before it was encoded: at most seven, each only if it is another."""
    view = View(text, None)
    yield view
    for undo in (_without_invisible, _unquoted, _without_scanner, *[_percent_decoded] * ROUNDS):
        changed = undo(view)
        if changed is not None:
            view = changed
            yield view


def _without_invisible(view: View) -> View | None:
    if view.text.isascii():
        return None
    return _replaced(view, ignorable, lambda _: "")


def _unquoted(view: View) -> View | None:
    if not _IS_QUOTED.search(view.text):
        return None
    return _replaced(view, _QUOTED, _character)


def _without_scanner(view: View) -> View | None:
    """`urldefense.com/v2/url?u=https-3A__t.me_…`: the percent signs and slashes are others there."""
    found = _URLDEFENSE_2.search(view.text)
    if found is None:
        return None
    start, end = found.span(1)
    return _replaced(view, _ESCAPED, lambda match: _character(match) or "/", start, end)


def _percent_decoded(view: View) -> View | None:
    return _replaced(view, _PERCENT, _character)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else ""


def _replaced(
    view: View, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str], start: int = 0, stop: int | None = None
) -> View | None:
    """The view with each match replaced by one character or none; None if nothing matches."""
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
