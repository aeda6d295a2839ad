"""Machines that have slept since they were started: their clocks differ, and nobody notices."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, befriend, connect, hang_up, people
from tests.shared.sleeping import slept


class Sleeper(Person):
    """A person whose machine has slept."""

    def command(self, *arguments: str) -> list[str]:
        """See DemoNode."""
        return [sys.executable, "-m", "tests.bot.sleeper", "--home", str(self.home), *arguments]


async def test_calls_between_machines_that_have_slept_are_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slept() as namespace:
        monkeypatch.setenv("SLEPT", namespace)
        async with people(tmp_path, "anna", "bob", kind=Sleeper) as (anna, bob):
            await befriend(anna, bob)
            await connect(anna, bob)
            await bob.media()
            bob.process.send_signal(signal.SIGSTOP)
            try:
                await anna.told("bob", kind=Kind.RECONNECTING)
            finally:
                bob.process.send_signal(signal.SIGCONT)
            for person in (anna, bob):
                await person.call("active")
            await hang_up(anna, bob)
