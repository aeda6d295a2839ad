"""The whole way: a friend calls, Debian's dunst shows it, a person chooses, and the call is answered without a page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.desktop.call_notices import SETTLES_SECONDS
from tests.bot.console import hang_up, people, ring
from tests.bot.desktop.session import Dunst, dunst, session_bus
from tests.bot.test_start import Browser
from tests.peer.handset.wire import AT_THE_PAGE, page_at


async def choose_once_it_counts(desktop: Dunst, label: str) -> None:
    """Choose as a person does, who needs a moment to read. An earlier choice doesn't count, and is shown once more."""
    while True:
        await asyncio.sleep(SETTLES_SECONDS + 0.3)
        await desktop.choose(label)


async def test_a_call_is_answered_on_the_desktop(
    friends: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(tmp_path)
    monkeypatch.setenv("BROWSER", browser.variable)
    async with session_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        async with (
            dunst(tmp_path, address) as desktop,
            people(tmp_path, "anna", "bob", homes=friends, configs={"bob": AT_THE_PAGE}) as (anna, bob),
        ):
            await ring(anna, bob)
            await desktop.until_shown(1)
            choosing = asyncio.create_task(choose_once_it_counts(desktop, "Answer"))
            opened = await browser.opened()
            choosing.cancel()
            assert "#ticket=" in opened
            async with page_at(opened) as (_, hello):
                assert hello["name"] == "bob"
                await asyncio.gather(*(person.call("active") for person in (anna, bob)))
                await desktop.until_shown(0)
            await hang_up(anna, bob)
