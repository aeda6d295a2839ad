"""Finds a node id in pasted text: in a sentence, in quotes or brackets, encoded, or wrapped. Pure."""

from __future__ import annotations

import contextlib
import re

from shared.errors import NodeIdError
from shared.links.views import views
from shared.node_id import ALPHABET, TEXT_LENGTH, NodeId
from shared.printable import visible

MAX_TEXT = 400
"How many characters are read."

SURELY_ONE = 41
"This many characters of the alphabet can't be a name: a contact's name has at most 40."

_WORD = re.compile(f"[{ALPHABET}]+", re.ASCII)
_AMONG_OTHERS = re.compile(
    rf"(?<![A-Za-z0-9_-])[{ALPHABET}]{{{TEXT_LENGTH}}}(?![A-Za-z0-9_-])", re.ASCII | re.IGNORECASE
)
_WRAPPED = re.compile(r"""["'+\\\s]{0,8}[\r\n](?:[ \t]{0,4}[A-Za-z]{1,4}>)?[\s>|#*/:}%;"']{0,16}""", re.ASCII)
_AROUND = r"(?:[\W_]|</?[a-z]{1,8}>)*"
_EDGES = re.compile(rf"^{_AROUND}(?:copybara:)?{_AROUND}|{_AROUND}$", re.IGNORECASE)
_GAPS = re.compile(r"[ \t-]")
_GROUPED = re.compile(r"(?:[^0-9]*[0-9]){4}")
"Enough digits to distinguish a grouped node id from a sentence with as many letters."

_TYPED = str.maketrans("iloILO", "110110")
"Letters that people type instead of digits (Crockford's base32, when reading)."


def node_in(text: str) -> NodeId | None:
    """The only node id in a text. None if there is none, or more than one.

    Raises NodeIdError if it is mistyped or a part is missing.
    """
    word = ""
    for view in views(text[:MAX_TEXT]):
        word = _EDGES.sub("", _WRAPPED.sub("", view.text.strip()))
        bare = _GAPS.sub("", word)
        typed = bare.translate(_TYPED).lower()
        if len(typed) == TEXT_LENGTH and _WORD.fullmatch(typed) and (bare == word or _GROUPED.match(bare)):
            return NodeId.parse(typed)
    if (found := _only_one(text[:MAX_TEXT])) is not None:
        return found
    if len(word) == TEXT_LENGTH and word.isalnum():
        odd = next(character for character in word if not _WORD.fullmatch(character.translate(_TYPED).lower()))
        place = word.index(odd) + 1
        raise NodeIdError(f"That isn't a node id: its character {place}, {visible(odd)}, is one that no node id has.")
    if SURELY_ONE <= len(word) <= TEXT_LENGTH + 8 and _WORD.fullmatch(word.translate(_TYPED).lower()):
        missing = TEXT_LENGTH - len(word)
        what = f"{_are(missing)} missing" if missing > 0 else f"{_are(-missing)} too many"
        raise NodeIdError(f"A node id has {TEXT_LENGTH} characters; this has {len(word)}: {what}.")
    return None


def _only_one(text: str) -> NodeId | None:
    """The node id among the words of a text, if it is the only one."""
    for view in views(text):
        found = {word.lower() for word in _AMONG_OTHERS.findall(view.text)}
        for word in found if len(found) == 1 else ():
            with contextlib.suppress(NodeIdError):
                return NodeId.parse(word)
    return None


def _are(count: int) -> str:
    return "1 is" if count == 1 else f"{count} are"
