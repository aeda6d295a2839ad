"""Homes of people who already know each other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bot.console import befriend, people


@pytest.fixture(scope="session")
def friends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the homes of anna, bob and carol. Bob is paired with both others, who don't know each other."""
    folder = tmp_path_factory.mktemp("friends")

    async def meet() -> None:
        async with people(folder, "anna", "bob", "carol") as (anna, bob, carol):
            await befriend(anna, bob)
            await befriend(carol, bob)

    asyncio.run(meet())
    return folder
