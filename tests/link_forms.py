"""The forms in which a link can be found."""

from __future__ import annotations


def as_handset(token: str, port: int) -> str:
    """`http://127.0.0.1:PORT/#TOKEN`, the form in the address of the reader's own page."""
    return f"http://127.0.0.1:{port}/#{token}"
