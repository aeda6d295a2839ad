"""The short forms of `make soak` and `make soak HOUR=1`."""

from __future__ import annotations

from pathlib import Path

from tests.soak.footprint import piled_up
from tests.soak.hour import long_call
from tests.soak.soak import soak


async def test_nothing_is_left_of_calls_that_are_over(tmp_path: Path) -> None:
    result = await soak(tmp_path, calls=24, every=4)
    assert len(result.by_scene) == 6
    assert {name: piled_up(looks) for name, looks in result.footprints.items()} == {"anna": [], "bob": [], "carol": []}


async def test_a_call_goes_on_when_the_numbers_of_its_packets_begin_again(tmp_path: Path) -> None:
    result = await long_call(tmp_path, looks=4)
    assert result.left == {"anna": [], "bob": []}
    assert {name: piled_up(looks) for name, looks in result.footprints.items()} == {"anna": [], "bob": []}
    # A new encoder would leave the last encoder's memory in the heap of another thread.
    assert {look.heaps for looks in result.footprints.values() for look in looks} == {0}
    assert result.reconnected == 0
    assert result.recorded is not None
    # A timestamp whose wrap was missed would make a gap of a day, or frames that go back in time.
    assert result.recorded.audio_frames > 150
    assert result.recorded.longest_gap < 30
