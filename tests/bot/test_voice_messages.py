"""Voice messages between real programs: kept for a busy contact, and delivered in their next proven call."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import Person, connect, hang_up, people
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, sine

SECONDS = 20
"The length of the message: almost two megabytes as it is recorded here."


async def killed(person: Person) -> None:
    """Kill its program with SIGKILL, and start it again."""
    await person.in_order()
    assert await person.signalled(signal.SIGKILL) == -signal.SIGKILL
    await person.begin()


async def finds_busy(caller: Person, callee: Person) -> None:
    """Call a person who is in another call."""
    caller.write(f"/call {callee.name} audio")
    await caller.call("ended", reason="remote-busy")


def received(person: Person) -> list[Path]:
    folder = person.home / "files"
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.exists() else []


async def test_a_message_for_a_busy_contact_outlives_kills_and_comes_once_in_the_next_call(
    friends: Path, tmp_path: Path
) -> None:
    message = make_wave(tmp_path / "hello.wav", sine(440, SECONDS * SAMPLE_RATE))
    async with people(tmp_path, "anna", "bob", "carol", homes=friends) as (anna, bob, carol):
        await connect(carol, bob, "audio")
        await finds_busy(anna, bob)
        assert "waits here" in await anna.asked(f"/message bob {message}", kind=Kind.MESSAGE_KEPT)
        # Before they are connected, nothing leaves her computer, and bob hears of nothing.
        await killed(anna)
        await hang_up(carol, bob)
        assert received(bob) == []

        await connect(bob, anna, "audio")
        offered = await bob.told("anna has a voice message for you", kind=Kind.MESSAGE_OFFERED)
        number = offered.partition("/files accept ")[2].partition(" ")[0]
        assert "bob is offered" in await anna.told(kind=Kind.MESSAGE_OFFERED)
        # Offered, and not there yet: the sender is killed, and the call goes on. Bob isn't asked a second time.
        await killed(anna)
        await anna.told("bob is offered", kind=Kind.MESSAGE_OFFERED)
        await anna.asked("/say bob: still there", kind=Kind.TEXT_SENT)
        await bob.told("still there", kind=Kind.TEXT)
        bob.write(f"/files accept {number}")
        told = await bob.told("anna left you a voice message", kind=Kind.MESSAGE_RECEIVED)
        await anna.told("bob has your voice message", kind=Kind.MESSAGE_DELIVERED)
        (came,) = received(bob)
        assert str(came) in told
        assert came.read_bytes() == message.read_bytes()
        await hang_up(bob, anna)

        # It was delivered: neither a new start nor a new call delivers it again.
        await asyncio.gather(killed(anna), killed(bob))
        await connect(anna, bob, "audio")
        for person in (anna, bob):
            assert (await person.status())["files"] == []
        await hang_up(anna, bob)
        assert received(bob) == [came]
