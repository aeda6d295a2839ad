"""Sequence numbers and timestamps, which begin again at zero, as numbers that go on (RFC 3550, 3.1 and A.1)."""

from __future__ import annotations


def unwrapped(number: int, near: int, bits: int) -> int:
    """The number nearest to `near` whose last `bits` bits are `number`: 16 for a sequence number, 32 for a timestamp.

    Of two as near the smaller one. May be negative.
    """
    half = 1 << bits - 1
    return near + (number - near + half) % (1 << bits) - half
