"""A path is lost and comes back, without any new link."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import Person, befriend, connect, hang_up, people


async def test_a_side_that_was_asleep_is_dialled_again_without_a_link(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        await befriend(anna, bob)
        await connect(anna, bob)
        await bob.media()
        links = len(anna.chat.posts)
        bob.process.send_signal(signal.SIGSTOP)
        try:
            await anna.told("bob", kind=Kind.RECONNECTING)
            before = (await anna.call("reconnecting"))["audio_packets_received"]
        finally:
            bob.process.send_signal(signal.SIGCONT)
        await bob.call("reconnecting")
        for person in (anna, bob):
            await person.call("active")
        while (await anna.status())["calls"][0]["audio_packets_received"] <= before:
            pass
        assert len(anna.chat.posts) == links
        await hang_up(anna, bob)


class Impatient(Person):
    """A person whose program gives up a lost path after some seconds, so that a test needn't wait for minutes."""

    def command(self, *arguments: str) -> list[str]:
        """Another module than usual, so it isn't forked from a program that has imported everything."""
        return [sys.executable, "-m", "tests.bot.impatient", "--home", str(self.home), *arguments]


async def test_a_side_that_slept_for_too_long_ends_the_call_as_well_and_the_next_one_connects(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", kind=Impatient) as (anna, bob):
        await befriend(anna, bob)
        await connect(anna, bob)
        await bob.media()
        bob.process.send_signal(signal.SIGSTOP)
        try:
            await anna.call("ended", reason="lost")
        finally:
            bob.process.send_signal(signal.SIGCONT)
        await bob.call("ended", reason="lost")
        # Nothing of it is left on either side: the next call is the only one, in both directions.
        for caller, callee in ((anna, bob), (bob, anna)):
            await connect(caller, callee)
            await callee.media()
            assert [each["state"] for each in (await caller.status())["calls"]] == ["active"]
            await hang_up(caller, callee)
