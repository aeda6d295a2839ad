"""Says what is wrong with a link that can't be read: which part is missing. Pure."""

from __future__ import annotations

from shared.links.tokens import SIZES, BadLink, kind_of, to_bytes


def damage(token: str) -> str:
    """A part of a sentence, such as `its end is missing (40 of 64 characters are there)`."""
    try:
        kind = kind_of(to_bytes(token[:4]))
    except BadLink:
        return "its beginning is missing or changed"
    shortest, longest = (_characters(size) for size in (SIZES[kind][0], SIZES[kind][-1]))
    if len(token) < shortest:
        least = "at least " if longest > shortest else ""
        return f"its end is missing ({len(token)} of {least}{shortest} characters are there)"
    if len(token) > longest:
        return f"something is stuck to its end ({len(token) - longest} characters too many)"
    return "a part of it is missing or changed" if longest > shortest else "a character in it is wrong"


def _characters(size: int) -> int:
    """How many characters `size` bytes take in base64url without padding."""
    return -(-size * 4 // 3)
