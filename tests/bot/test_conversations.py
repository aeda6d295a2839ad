"""Conversations of several people in real programs' consoles: who is asked, who hears whom, who goes on."""

from __future__ import annotations

import array
import asyncio
import math
import struct
import wave
from pathlib import Path

import av

from bot.kinds import Kind
from shared.contacts import STRANGER
from tests.bot.console import Person, call_in, connect, people
from tests.bot.test_hold import call_with
from tests.peer.media.pulse_server import frequency

RATE = 48_000

TONES = {"anna": 440, "bob": 1000, "carol": 2300}
"The tone that each of them plays, in hertz."


def config(folder: Path, name: str) -> str:
    """The configuration for calls in which a tone is played."""
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        samples = (round(8000 * math.sin(math.tau * TONES[name] * at / RATE)) for at in range(RATE))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return f'[media]\nfile = "{path}"\n'


def tone(recording: Path) -> float:
    """The loudest frequency at the end of a recording, in hertz."""
    with av.open(str(recording)) as container:
        # Opus is decoded to a plane of floats for each channel.
        first = b"".join(bytes(frame.planes[0])[: 4 * frame.samples] for frame in container.decode(audio=0))
    end = array.array("f", first)[-RATE // 2 :]
    return frequency(array.array("i", (int(sample * 32767) for sample in end)))


def recording(person: Person, other: str) -> Path:
    """The last recording of a call with that person."""
    texts = [said["text"] for said in person.said if said.get("kind") == Kind.RECORDED]
    return Path(
        [text for text in texts if f"from {STRANGER if other.startswith('node ') else other} is in" in text][
            -1
        ].rpartition(" is in ")[2]
    )


async def two_calls(anna: Person, bob: Person, carol: Person) -> None:
    """Bob's calls with both. Anna's is on hold."""
    await connect(anna, bob, "audio")
    await bob.asked("/hold", kind=Kind.ON_HOLD)
    await connect(carol, bob, "audio")
    # `connect` may have seen his call with anna, so what he read of this one may be skipped already.
    await bob.until_status(lambda status: call_in(status, "carol")["state"] == "active")


async def agreed(*persons: Person) -> None:
    """Each is asked, and agrees."""
    for person in persons:
        assert "your node id" in await person.told("bob", kind=Kind.CONVERSATION_ASKED)
        await person.asked("/agree", kind=Kind.CONVERSATION_AGREED)


async def test_three_programs_become_one_conversation_and_two_go_on_when_one_leaves(
    friends: Path, tmp_path: Path
) -> None:
    configs = {name: config(tmp_path, name) for name in TONES}
    async with people(tmp_path, *TONES, homes=friends, configs=configs) as (anna, bob, carol):
        for person, others in ((anna, ["bob"]), (bob, ["anna", "carol"]), (carol, ["bob"])):
            for other in others:
                await person.asked(f"/contact endpoint {other} file+recorder", kind=Kind.CONTACT_ENDPOINT)
        await two_calls(anna, bob, carol)
        await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
        await agreed(anna, carol)
        await bob.told("anna and carol", kind=Kind.CONVERSATION_JOINED)
        # The two are strangers to each other, and have the names that bob gave them.
        carol_there = f"node {carol.node[:8]}…"
        anna_there = f"node {anna.node[:8]}…"
        joined = await anna.told("“carol”", kind=Kind.CONVERSATION_JOINED)
        assert "aren't in your contacts" in joined
        await carol.told("“anna”", kind=Kind.CONVERSATION_JOINED)
        for person, other in (
            (anna, "bob"),
            (anna, carol_there),
            (bob, "anna"),
            (bob, "carol"),
            (carol, "bob"),
            (carol, anna_there),
        ):
            await person.hears_more(other)
        names = {(await call_with(bob, other))["conversation"] for other in ("anna", "carol")}
        assert names == {(await call_with(anna, carol_there))["conversation"]} != {None}
        await bob.asked("/say carol: only for you", "Sent to carol.", kind=Kind.TEXT_SENT)
        await carol.told("only for you", kind=Kind.TEXT)
        await bob.asked("/say all: hello", "Sent to anna and carol.", kind=Kind.TEXT_SENT)
        for person in (anna, carol):
            assert "hello" in await person.told(kind=Kind.TEXT)

        bob.write("/hangup")
        for person in (anna, carol):
            assert "bob has left" in await person.told(kind=Kind.CONVERSATION_LEFT)
        await anna.hears_more(carol_there)
        await carol.hears_more(anna_there)
        assert (await bob.status())["calls"] == []
        anna.write("/hangup")
        await bob.told("carol", kind=Kind.ENDED)
        await anna.told(STRANGER, kind=Kind.ENDED)
        await carol.told("hung up", kind=Kind.ENDED)
        for person, other, name in (
            (anna, "bob", "bob"),
            (anna, carol_there, "carol"),
            (bob, "carol", "carol"),
            (carol, anna_there, "anna"),
        ):
            heard = await asyncio.to_thread(tone, recording(person, other))
            assert abs(heard - TONES[name]) < 20


async def test_one_who_refuses_leaves_both_calls_as_they_were(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", "carol", homes=friends) as (anna, bob, carol):
        await bob.asked("/merge", kind="error.cant-merge")
        await two_calls(anna, bob, carol)
        await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
        await agreed(anna)
        await carol.told(kind=Kind.CONVERSATION_ASKED)
        assert await carol.cli("refuse") == (
            0,
            "You refused. Your calls stay as they are, and nobody got your node id.\n",
            "",
        )
        await bob.told("carol doesn't want", kind=Kind.CONVERSATION_OFF)
        await anna.told(kind=Kind.CONVERSATION_OFF)
        await anna.asked("/agree", kind="error.not-asked")
        assert (await call_with(bob, "anna"))["on_hold"]
        await bob.hears_more("carol")
        for person in (anna, carol):
            calls = (await person.status())["calls"]
            assert [call["with"] for call in calls] == ["bob"]
            assert calls[0]["conversation"] is None
