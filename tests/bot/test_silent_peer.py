"""The other side's program is connected and silent: the owner's commands work all the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, people

SOON = 10.0
"In seconds on a busy machine. The owner's commands once waited for twenty."


class Mallory(Person):
    """A person whose program is silent."""

    def command(self, *arguments: str) -> list[str]:
        """See DemoNode."""
        if self.name != "mallory":
            return super().command(*arguments)
        return [sys.executable, "-m", "tests.bot.silent", "--home", str(self.home), *arguments]


@pytest.mark.parametrize("command", ["/merge", "/send {file}"])
async def test_what_would_need_its_answer_says_so_soon_and_the_owner_hangs_up(tmp_path: Path, command: str) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a")
    async with people(tmp_path, "anna", "mallory", kind=Mallory) as (anna, mallory):
        anna.write(f"/call {mallory.node}")
        await mallory.told(kind=Kind.STRANGER_RINGS)
        mallory.write("/answer")
        await asyncio.gather(anna.call("active"), mallory.call("active"))
        async with asyncio.timeout(SOON):
            anna.write(command.format(file=file))
            anna.write("/hangup")
            await anna.call("ended")
