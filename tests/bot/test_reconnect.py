"""A path that is lost and comes back, without any new link."""

from __future__ import annotations

import signal
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import befriend, connect, hang_up, people


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
