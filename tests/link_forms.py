"""Forms that a link is found in."""

from __future__ import annotations


def as_handset(token: str, port: int) -> str:
    """`http://127.0.0.1:PORT/#TOKEN`: what the address of the reader's own page can carry."""
    return f"http://127.0.0.1:{port}/#{token}"
