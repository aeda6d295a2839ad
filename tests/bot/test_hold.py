"""Calls on hold in real programs' consoles: what each owner reads, and what arrives over the network meanwhile."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from bot.demo.node import Said
from bot.kinds import Kind
from tests.bot.console import Person, call_in, connect, people, ring

QUIET_SECONDS = 1.0
"How long nothing may arrive from a call on hold. Fifty audio packets would, otherwise."


async def call_with(person: Person, other: str) -> Said:
    """A person's call with another one, as in `status`."""
    return call_in(await person.status(), other)


async def hears_nothing(person: Person, other: Person) -> None:
    """Check that no sound or picture arrives for QUIET_SECONDS. Both sides know of the hold already."""
    # Everything sent before the hold has been read once a line arrives that was written after it.
    await other.asked(f"/say {person.name}: quiet", kind=Kind.TEXT_SENT)
    await person.told("quiet", kind=Kind.TEXT)
    before = await call_with(person, other.name)
    await asyncio.sleep(QUIET_SECONDS)
    after = await call_with(person, other.name)
    for kind in ("audio_packets_received", "video_packets_received"):
        assert after[kind] == before[kind]


async def test_a_call_is_put_on_hold_and_taken_off_and_the_other_side_reads_both(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.asked("/hold", kind="error.nothing-to-hold")
        await connect(anna, bob)
        await bob.asked("/resume", kind="error.not-on-hold")
        await anna.hears_more("bob")
        assert "anna is on hold" in await bob.asked("/hold", kind=Kind.ON_HOLD)
        assert "bob put you on hold" in await anna.told(kind=Kind.HELD)
        for one, other in ((anna, bob), (bob, anna)):
            await hears_nothing(one, other)
        bobs, annas = await call_with(bob, "anna"), await call_with(anna, "bob")
        assert (bobs["state"], bobs["on_hold"], bobs["remote_on_hold"]) == ("active", True, False)
        assert (annas["state"], annas["on_hold"], annas["remote_on_hold"]) == ("active", False, True)
        assert "anna: active, video, on hold" in await bob.asked("/status", kind=Kind.STATUS)
        code, out, _ = await bob.cli("resume", "--json")
        assert (code, [post["kind"] for post in json.loads(out)["posts"]]) == (0, [Kind.OFF_HOLD])
        await anna.told("bob", kind=Kind.RESUMED)
        for person, name in ((anna, "bob"), (bob, "anna")):
            await person.hears_more(name)


async def test_a_second_call_is_taken_beside_the_first_and_the_owner_changes_between_them(
    friends: Path, tmp_path: Path
) -> None:
    always = {"bob": '[calls]\nwaiting = "always"\n'}
    async with people(tmp_path, "anna", "bob", "carol", homes=friends, configs=always) as (anna, bob, carol):
        await connect(anna, bob, "audio")
        await ring(carol, bob, "audio")
        await bob.asked("/answer", kind="error.in-call")
        bob.write("/answer hold")
        await carol.call("active")
        await anna.told("bob", kind=Kind.HELD)
        await carol.hears_more("bob")
        await hears_nothing(anna, bob)
        await bob.asked("/resume anna", kind="error.in-call")
        assert await bob.cli("swap") == (
            0,
            "carol is on hold: your microphone and camera are off, and you don't hear carol. copybara resume takes "
            "them off hold\nYou are back in the call with anna.\n",
            "",
        )
        await carol.told("bob", kind=Kind.HELD)
        await anna.told("bob", kind=Kind.RESUMED)
        await anna.hears_more("bob")
        await hears_nothing(carol, bob)
        # A command without a name is about the present call.
        bob.write("/hangup")
        assert (await anna.call("ended"))["reason"] == "remote-hung-up"
        await bob.call("ended")
        await bob.asked("/resume", kind=Kind.OFF_HOLD)
        await carol.hears_more("bob")


async def test_a_program_that_is_killed_while_it_holds_a_call_takes_it_up_on_hold(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        await bob.asked("/hold", kind=Kind.ON_HOLD)
        await anna.told(kind=Kind.HELD)
        await bob.in_order()
        bob.process.send_signal(signal.SIGKILL)
        assert await bob.gone() == -signal.SIGKILL
        await bob.begin()
        await bob.told("anna", kind=Kind.CONNECTED)
        await anna.told("bob", kind=Kind.RECONNECTING)
        await anna.told("bob", kind=Kind.CONNECTED)
        bobs, annas = await call_with(bob, "anna"), await call_with(anna, "bob")
        assert (bobs["on_hold"], annas["remote_on_hold"]) == (True, True)
        for one, other in ((anna, bob), (bob, anna)):
            await hears_nothing(one, other)
        await bob.asked("/resume", kind=Kind.OFF_HOLD)
        await anna.told(kind=Kind.RESUMED)
        for person, name in ((anna, "bob"), (bob, "anna")):
            await person.hears_more(name)


async def test_a_call_that_ends_while_another_is_on_hold_is_not_the_one_that_hangup_means(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", "carol", homes=friends) as (anna, bob, carol):
        await connect(anna, bob, "audio")
        await bob.asked("/hold", kind=Kind.ON_HOLD)
        await connect(carol, bob, "audio")
        carol.write("/hangup")
        await bob.call("ended", reason="remote-hung-up")
        # It crosses carol's own end, which bob may not know of yet.
        assert "anna is still on hold" in await bob.asked("/hangup", kind="error.which-call")
        bob.write("/hangup anna")
        assert (await anna.call("ended"))["reason"] == "remote-hung-up"
