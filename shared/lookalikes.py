"""Which names people take for one another (Unicode Technical Standard 39, section 4: confusable detection).

The table of confusable characters is Unicode's `confusables.txt`, from the package confusable-homoglyphs. It is read
once; apart from that all is pure.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from importlib import resources

from shared.printable import seen_alike

_BETWEEN = re.compile(r"[\s_-]+")
"What stands between words: names that are told apart by that alone look alike."


def look_alike(first: str, second: str) -> bool:
    """Whether two different names look the same, or nearly so; upper and lower case make no difference."""
    return bool(_looks(first) & _looks(second))


def imitated(name: str, known: Iterable[str]) -> str | None:
    """The first of the known names that this one could be taken for, None if there is none."""
    return next((other for other in known if look_alike(name, other)), None)


@functools.lru_cache(maxsize=1024)
def _looks(name: str) -> frozenset[str]:
    name = _BETWEEN.sub("-", name)
    # A capital I looks like a small l, but no i does: the name as it is written, and without its case.
    return frozenset((_skeleton(name), _skeleton(seen_alike(name).casefold())))


def _skeleton(text: str) -> str:
    """What all texts that look like this one have in common (UTS 39, 4)."""
    table = _prototypes()
    bare = unicodedata.normalize("NFD", seen_alike(text))
    return unicodedata.normalize("NFD", "".join(table.get(character, character) for character in bare))


@functools.cache
def _prototypes() -> dict[str, str]:
    """For each character that looks like others, what stands for all of them. Takes some hundredths of a second."""
    raw = json.loads((resources.files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8"))
    near: dict[str, set[str]] = defaultdict(set)
    for character, entries in raw.items():
        for other in (_plain(entry["c"]) for entry in entries):
            near[_plain(character)].add(other)
            near[other].add(_plain(character))
    found: dict[str, str] = {}
    for start in near:
        if start in found:
            continue
        group, waiting = {start}, [start]
        while waiting:
            for other in near[waiting.pop()] - group:
                group.add(other)
                waiting.append(other)
        # The table leads from every member to the prototype, so that one has most neighbours; it may be two letters.
        prototype = min(group, key=lambda member: (-len(near[member]), not member.isascii(), member))
        found.update(dict.fromkeys(group, prototype))
    return {character: prototype for character, prototype in found.items() if len(character) == 1}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFD", seen_alike(text) if len(text) > 1 else text)
