"""The endings of each name system's names, without the dot. Pure."""

from __future__ import annotations

AZERO = ("azero", "a0")
"Aleph Zero."

TZERO = ("tzero",)
"Aleph Zero's test network."

ENS = ("eth",)
"Ethereum."

ALL = (*AZERO, *TZERO, *ENS)


def ending(name: str) -> str:
    """The part after a name's last dot, in lower case."""
    return name.strip().lower().rpartition(".")[2]


def has_known_ending(name: str) -> bool:
    """Whether the name ends in a dot and one of these endings, so that it can be looked up."""
    label, _, end = name.strip().lower().rpartition(".")
    return bool(label) and end in ALL


def in_words(endings: tuple[str, ...] = ALL) -> str:
    """The endings for people: `.azero, .a0, .tzero or .eth`."""
    *others, last = (f".{each}" for each in endings)
    return f"{', '.join(others)} or {last}" if others else last
