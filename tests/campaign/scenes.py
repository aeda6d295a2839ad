"""What people do while their programs are killed. An uncut scene begins and ends without a call."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import itertools
import re
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import SECONDS, Person, connect, hang_up, ring
from tests.campaign.participant import Participant

FILE_BYTES = 5_000_000
"Size of a file that takes a second or two in a call on this machine."

MESSAGE_SECONDS, RATE = 40, 24_000
"Length and sample rate of a voice message, which has two megabytes."

_files = itertools.count(1)

Scene = Callable[..., Awaitable[None]]
"A scene is given its people: a caller, a callee, and perhaps a third."


def size_of(scene: Scene) -> int:
    """The number of people in a scene."""
    return len(inspect.signature(scene).parameters)


async def first_contact(caller: Participant, callee: Participant) -> None:
    """The two remove each other, meet again as strangers, pair, and save each other."""
    for person, other in ((caller, callee), (callee, caller)):
        person.begins_anew_with(other)
        person.write(f"/contact remove {other.name}")
        await person.in_order()
    caller.write(f"/call {callee.node}")
    await callee.told(kind=Kind.STRANGER_RINGS)
    # Answer by node: another call of the two may just have ended, and then a bare /answer asks which one is meant.
    callee.write(f"/answer {caller.id.short}")
    said, _ = await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (caller, callee)))
    words = re.search(r": (\w+ \w+ \w+ \w+)$", said, re.MULTILINE)
    assert words is not None, said
    for person, other in ((caller, callee), (callee, caller)):
        person.write(f"/contact add {other.name}")
        # After a kill there may be another call with that node, and then adding the contact alone makes no key.
        person.write(f"/contact confirm {other.name} {words[1]}")
        await person.in_order()
    await hang_up(caller, callee)


async def answered(caller: Participant, callee: Participant) -> None:
    """A contact calls and is answered. The two write a line of text, and the caller hangs up."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    caller.write(f"/say {callee.name}: Hello")
    await callee.until(lambda said: "Hello" in said.get("text", ""))
    await hang_up(caller, callee)


async def declined(caller: Participant, callee: Participant) -> None:
    """The callee declines the call."""
    await ring(caller, callee)
    callee.write("/decline")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def taken_back(caller: Participant, callee: Participant) -> None:
    """The caller hangs up while the call rings."""
    await ring(caller, callee)
    caller.write("/hangup")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def glare(caller: Participant, callee: Participant) -> None:
    """Both call each other at once, and the two calls become one."""
    caller.write(f"/call {callee.name}")
    callee.write(f"/call {caller.name}")
    await asyncio.gather(*(person.call("active") for person in (caller, callee)))
    await hang_up(callee, caller)


async def recorded(caller: Participant, callee: Participant) -> None:
    """The two have a longer call, and the callee records it."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await callee.media()
    await hang_up(callee, caller)


async def on_hold(caller: Participant, callee: Participant) -> None:
    """The callee puts the call on hold and continues it."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await callee.asked(f"/hold {caller.name}", kind=Kind.ON_HOLD)
    await caller.told(callee.name, kind=Kind.HELD)
    for writer, reader in ((caller, callee), (callee, caller)):
        writer.write(f"/say {reader.name}: Are you there?")
        await reader.until(lambda said: "Are you there?" in said.get("text", ""))
    await callee.asked(f"/resume {caller.name}", kind=Kind.OFF_HOLD)
    await caller.told(callee.name, kind=Kind.RESUMED)
    await hang_up(callee, caller)


async def file_sent(caller: Participant, callee: Participant) -> None:
    """The caller sends a file, and the callee accepts each file. Unfinished files of earlier rounds arrive too."""
    await callee.sets(caller, "files", "always")
    await connect(caller, callee, answer=f"/answer {caller.name}")
    path = caller.home.with_name(f"{caller.name}-{next(_files)}.bin")
    path.write_bytes(content_of(path.name))
    caller.write(f"/send {callee.name}: {path}")
    await callee.file(lambda report: report["name"] == path.name and report["state"] == "done")
    await hang_up(caller, callee)


async def voice_message(caller: Participant, callee: Participant) -> None:
    """The caller leaves a voice message and delivers it with a call. Messages of earlier rounds arrive too."""
    await callee.sets(caller, "files", "always")
    path = caller.home.with_name(f"{caller.name}-{next(_files)}.wav")
    _record(path)
    await caller.leaves_message(callee, path)
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await caller.file(lambda report: report["path"] == str(path) and report["state"] == "done")
    await hang_up(caller, callee)


async def settings(caller: Participant, callee: Participant) -> None:
    """The caller changes settings of the contact, one after the other, and changes them back."""
    for word, value in (
        *(("files", "always"), ("endpoint", "pattern"), ("ring", "00:00-24:00")),
        *(("files", "ask"), ("endpoint", "default"), ("ring", "")),
    ):
        await caller.sets(callee, word, value)


async def conversation(caller: Participant, callee: Participant, third: Participant) -> None:
    """Two people call the callee, who merges the calls and leaves the conversation. The two continue."""
    await connect(caller, callee, "audio", answer=f"/answer {caller.name}")
    await callee.asked(f"/hold {caller.name}", kind=Kind.ON_HOLD)
    await ring(third, callee, "audio")
    callee.write(f"/answer {third.name}")
    await third.call("active")
    await _has_calls(callee, 2)
    await callee.asked("/merge", kind=Kind.CONVERSATION_ASKING)
    for person in (caller, third):
        await person.told(callee.name, kind=Kind.CONVERSATION_ASKED)
        await person.asked("/agree", kind=Kind.CONVERSATION_AGREED)
    await asyncio.gather(*(person.told(kind=Kind.CONVERSATION_JOINED) for person in (caller, callee, third)))
    callee.write("/hangup")
    await asyncio.gather(*(person.told(callee.name, kind=Kind.CONVERSATION_LEFT) for person in (caller, third)))
    caller.write("/hangup")
    await asyncio.gather(*(_has_calls(person, 0) for person in (caller, callee, third)))


async def _has_calls(person: Person, number: int) -> None:
    """Wait until a person has this number of calls and each is up."""
    async with asyncio.timeout(SECONDS):
        while [call["state"] for call in (await person.status())["calls"]] != ["active"] * number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # a report of one call could be taken for one of another


def _record(path: Path) -> None:
    """Make a sound file with content of its own."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(hashlib.shake_256(path.name.encode()).digest(2 * RATE * MESSAGE_SECONDS))


def content_of(name: str) -> bytes:
    """The content of the file with that name. Each name has its own content."""
    return hashlib.shake_256(name.encode()).digest(FILE_BYTES)


SCENES: dict[str, Scene] = {
    "first contact": first_contact,
    "answered": answered,
    "declined": declined,
    "taken back": taken_back,
    "glare": glare,
    "recorded": recorded,
    "on hold": on_hold,
    "file": file_sent,
    "voice message": voice_message,
    "settings": settings,
    "conversation": conversation,
}
