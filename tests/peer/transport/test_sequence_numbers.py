"""Sequence numbers that start again at zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.sequence_numbers import unwrapped


@pytest.mark.parametrize(
    ("number", "near", "bits", "goes_on"),
    [
        (5, 4, 16, 5),
        (0, 0xFFFF, 16, 0x10000),
        (0xFFFF, 0x10000, 16, 0xFFFF),
        (0x8000, 0, 16, -0x8000),
        (0x7FFF, 0, 16, 0x7FFF),
        (3, 0xFFFFFFFE, 32, 0x100000003),
    ],
)
def test_the_nearest_is_meant(number: int, near: int, bits: int, goes_on: int) -> None:
    assert unwrapped(number, near, bits) == goes_on


@given(number=st.integers(0, 0xFFFF), near=st.integers(-(2**40), 2**40))
def test_it_ends_in_the_same_bits_and_is_never_far(number: int, near: int) -> None:
    found = unwrapped(number, near, 16)
    assert found & 0xFFFF == number
    assert -0x8000 <= found - near < 0x8000
