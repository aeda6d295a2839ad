"""Short forms of the campaigns that `python -m tests.campaign` runs for hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import messenger
from tests.campaign.campaign import campaign
from tests.campaign.scenes import SCENES


@pytest.mark.parametrize(
    "names", [("first contact", "glare", "on hold", "file", "settings"), ("voice message", "conversation")]
)
async def test_whatever_a_kill_interrupts_all_homes_are_whole_afterwards(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    # Each of these scenes comes once. The other scenes consist of parts of these.
    quick = {name: SCENES[name] for name in names}
    result = await campaign(tmp_path, kills=len(quick), seed=7, scenes=quick)
    assert result.faults == []
    assert result.kills >= len(quick)
    assert set(result.by_scene) == set(quick)


async def test_what_a_messenger_brings_is_done_once_whatever_a_kill_interrupts(tmp_path: Path) -> None:
    result = await messenger.campaign(tmp_path, kills=5, seed=3)
    assert result.faults == []
    assert result.kills >= 5
