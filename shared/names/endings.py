"""What the names of each name system end in, without the dot. Pure."""

from __future__ import annotations

AZERO = ("azero", "a0")
"Of Aleph Zero."

TZERO = ("tzero",)
"Of its test network."

ENS = ("eth",)
"Of Ethereum."

ALL = (*AZERO, *TZERO, *ENS)


def ending(name: str) -> str:
    """What follows a name's last dot, in small letters."""
    return name.strip().lower().rpartition(".")[2]


def has_known_ending(name: str) -> bool:
    """Whether it ends in a dot and one of them, as names that can be looked up do."""
    label, _, end = name.strip().lower().rpartition(".")
    return bool(label) and end in ALL


def in_words(endings: tuple[str, ...] = ALL) -> str:
    """For people: `.azero, .a0, .tzero or .eth`."""
    *others, last = (f".{each}" for each in endings)
    return f"{', '.join(others)} or {last}" if others else last
