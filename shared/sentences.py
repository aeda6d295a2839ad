"""Sentences, one after the other: each ends where the next one begins. Pure."""

from __future__ import annotations

ENDS = (".", "!", "?", "…")


def ended(text: str) -> str:
    """A sentence that goes over into somebody else's words, with one full stop at its end."""
    text = text.rstrip()
    if text.endswith(".."):
        text = text.rstrip(".")
    return text if text.endswith(ENDS) else f"{text}."


def joined(*sentences: str) -> str:
    """Those that aren't empty, one after the other. The last one may be a command: it stays as it is."""
    *before, last = [each.strip() for each in sentences if each.strip()] or [""]
    return " ".join([*map(ended, before), last])
