"""What somebody may have meant by a word that nobody knows: the known one that is spelled most like it."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 64
"Characters of a word that are compared: names, commands and settings are shorter."


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, in upper or lower case; empty if none is like it. Pure.

    Of names with several words the only one that begins with `word`, such as a first name, is most like it.
    """
    spelled = {each.casefold(): each for each in known if len(each) <= LONGEST}
    wanted = word.casefold()
    if not wanted or len(wanted) > LONGEST:
        return ""
    begun = [name for each, name in spelled.items() if each.startswith(f"{wanted} ")]
    if len(begun) == 1 and wanted not in spelled:
        return begun[0]
    from difflib import get_close_matches

    return next((spelled[each] for each in get_close_matches(wanted, spelled, n=1)), "")


def did_you_mean(word: str, known: Iterable[str], *, before: str = "", otherwise: str = "") -> str:
    """A hint that asks whether the nearest known word was meant, with `before` before it; `otherwise` if none is near.

    Only for people who may see all the known words.
    """
    near = nearest(word, known)
    return f"Did you mean {before}{near}?" if near else otherwise
