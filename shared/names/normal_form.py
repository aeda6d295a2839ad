"""The normal form of names, and whether two names look alike. Pure.

The rules are those of ENS (ENSIP-15). They refuse names that mix scripts to look like others. They apply to every name
system, because the same people read the names of all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from shared.errors import ConfusingName, InputError
from shared.printable import is_printable

_PLAIN = re.compile(r"(?!..--)[a-z0-9-]+", re.ASCII)
"A label that ENSIP-15 doesn't change. Nearly all labels match. The tables for the others take 0.3 s and 90 MB."

_MOST_SHOWN = 3

_SHAPES = str.maketrans({"0": "o", "1": "l", "5": "s", "-": "", "_": "", "8": "b", "2": "z", "6": "b"})
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def is_plain(name: str) -> bool:
    """Whether the lower-case name has only the letters a to z, digits and dashes."""
    return all(_PLAIN.fullmatch(label) for label in name.split("."))


def normalise(name: str) -> str:
    """The normal form of a name with several labels (ENSIP-15). The first call is slow if the name isn't plain.

    Raises ConfusingName for characters that look like others, and InputError for characters that no name has.
    """
    lowered = name.lower()
    if is_plain(lowered):
        return lowered
    import ens_normalize  # type: ignore[import-untyped]

    try:
        normal = str(ens_normalize.ens_normalize(name))
    except ens_normalize.DisallowedSequence as error:
        foreign = foreign_characters(name)
        if error.code in ("CONF_MIXED", "CONF_WHOLE"):
            raise ConfusingName(f"That name isn't what it looks like: {foreign}.") from error
        said = str(error).partition("\n")[0].rstrip(".")
        what = f" ({foreign})" if foreign else ""
        raise InputError(
            f"No name can be written like that: it {said[:1].lower()}{said[1:]}{what}.",
            "Names have letters of one script, digits and dashes.",
        ) from error

    if not is_printable(normal):
        raise InputError("That name has characters that can't be shown.", "Type it instead of copying it.")
    return normal


def foreign_characters(name: str) -> str:
    """The characters of a name that aren't on an English keyboard, each with its Unicode name."""
    found = [character for character in dict.fromkeys(name) if not character.isascii()]
    shown = [
        f"{each if each.isprintable() else '?'} is {unicodedata.name(each, 'a character without a name')}"
        for each in found[:_MOST_SHOWN]
    ]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more > 0 else "")


def alike(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks like this one. None if there is none, or if this is one of them."""
    shape, known = _shape(name), list(known)
    if name in known:
        return None
    return next((other for other in known if _shape(other) == shape), None)


def _shape(name: str) -> str:
    bare = "".join(each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each))
    for pair, single in _PAIRS:
        bare = bare.replace(pair, single)
    return bare.translate(_SHAPES)
