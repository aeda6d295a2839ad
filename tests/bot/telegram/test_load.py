"""A burst of a thousand updates: all are handled, none twice, and a running call goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bot.telegram import sentences as says
from tests.bot.telegram.burst import Burst
from tests.bot.telegram.people import friends, two_people


@pytest.mark.timeout(300)
async def test_a_thousand_updates_with_duplicates_and_foreign_links(tmp_path: Path) -> None:
    """500 updates, 300 of them links for other people. Each comes twice."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        group = world.group("Crowd", anna.human, bob.human, bob.bot)
        bob.bot.privacy = False
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        bob.says("/help")
        await bob.reads(says.help_())
        before = [await anna.call_now(), await bob.call_now()]
        burst = Burst(world, group, bob, foreign=300, commands=200)
        await burst.handled()
        assert len(burst.answers) == len(set(burst.answers)) == 200, "each once"
        assert not [each for each in group.messages if each.sender is bob.bot], "silence for links that are for others"
        after = [await anna.call_now(), await bob.call_now()]
        for was, now in zip(before, after, strict=True):
            assert now["audio_packets_received"] > was["audio_packets_received"]
