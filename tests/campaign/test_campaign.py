"""The short form of the campaign: what `python -m tests.campaign` does for hours."""

from __future__ import annotations

from pathlib import Path

from tests.campaign.campaign import campaign


async def test_whatever_a_kill_interrupts_both_homes_are_whole_afterwards(tmp_path: Path) -> None:
    result = await campaign(tmp_path, kills=8, seed=7)
    assert result.faults == []
    assert result.kills >= 8
