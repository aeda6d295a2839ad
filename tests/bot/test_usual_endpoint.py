"""The endpoint that answers if nothing is configured."""

from __future__ import annotations

from pathlib import Path

from tests.bot.console import befriend, connect, hang_up, people


async def test_in_a_console_without_a_page_there_is_something_to_hear_and_see(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config='[handset]\nport = 0\n[answer]\nendpoint = "auto"\n') as (
        anna,
        bob,
    ):
        await befriend(anna, bob)
        await connect(anna, bob)
        for person in (anna, bob):
            await person.media()
        await hang_up(anna, bob)
