"""The short form of `make soak`."""

from __future__ import annotations

from pathlib import Path

from tests.soak.footprint import piled_up
from tests.soak.soak import soak


async def test_nothing_is_left_of_calls_that_are_over(tmp_path: Path) -> None:
    result = await soak(tmp_path, calls=24, every=4)
    assert len(result.by_scene) == 6
    assert {name: piled_up(looks) for name, looks in result.footprints.items()} == {"anna": [], "bob": [], "carol": []}
