"""What the two people do while the killing goes on. Each scene begins and ends with no call, unless it is cut short."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable

from bot.kinds import Kind
from tests.bot.console import Person, connect, hang_up, ring

FILE_BYTES = 5_000_000
"A second or two of a call on this machine."

_files = itertools.count(1)

Scene = Callable[[Person, Person], Awaitable[None]]


async def first_contact(caller: Person, callee: Person) -> None:
    """They remove each other, meet again as strangers, pair, and save each other."""
    for person, other in ((caller, callee), (callee, caller)):
        person.write(f"/contact remove {other.name}")
        await person.in_order()
    caller.write(f"/call {callee.node}")
    await callee.told(kind=Kind.STRANGER_RINGS)
    # By node: it may be that another call of theirs has just ended, and then a bare /answer asks which one is meant.
    callee.write(f"/answer {caller.id.short}")
    said, _ = await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (caller, callee)))
    words = re.search(r": (\w+ \w+ \w+ \w+)$", said, re.MULTILINE)
    assert words is not None, said
    for person, other in ((caller, callee), (callee, caller)):
        person.write(f"/contact add {other.name}")
        # Where a kill has left another call with that node, adding alone gives it no key.
        person.write(f"/contact confirm {other.name} {words[1]}")
        await person.in_order()
    await hang_up(caller, callee)


async def answered(caller: Person, callee: Person) -> None:
    """A contact calls, and is answered; a line of text beside the call; the caller hangs up."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    caller.write(f"/say {callee.name}: Hello")
    await callee.until(lambda said: "Hello" in said.get("text", ""))
    await hang_up(caller, callee)


async def declined(caller: Person, callee: Person) -> None:
    """The callee doesn't want to."""
    await ring(caller, callee)
    callee.write("/decline")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def taken_back(caller: Person, callee: Person) -> None:
    """The caller hangs up while it rings."""
    await ring(caller, callee)
    caller.write("/hangup")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def glare(caller: Person, callee: Person) -> None:
    """Both call each other at once; what comes of it is one call."""
    caller.write(f"/call {callee.name}")
    callee.write(f"/call {caller.name}")
    await asyncio.gather(*(person.call("active") for person in (caller, callee)))
    await hang_up(callee, caller)


async def recorded(caller: Person, callee: Person) -> None:
    """A call of some length: the callee records what arrives."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await callee.media()
    await hang_up(callee, caller)


async def on_hold(caller: Person, callee: Person) -> None:
    """The callee puts the call on hold and takes it off again."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await callee.asked(f"/hold {caller.name}", kind=Kind.ON_HOLD)
    await caller.told(callee.name, kind=Kind.HELD)
    for writer, reader in ((caller, callee), (callee, caller)):
        writer.write(f"/say {reader.name}: Are you there?")
        await reader.until(lambda said: "Are you there?" in said.get("text", ""))
    await callee.asked(f"/resume {caller.name}", kind=Kind.OFF_HOLD)
    await caller.told(callee.name, kind=Kind.RESUMED)
    await hang_up(callee, caller)


async def file_sent(caller: Person, callee: Person) -> None:
    """The caller sends a file, which the callee always accepts. What an earlier round left unfinished comes as well."""
    await callee.asked(f"/contact files {caller.name} always", kind=Kind.CONTACT_FILES)
    await connect(caller, callee, answer=f"/answer {caller.name}")
    path = caller.home.with_name(f"{caller.name}-{next(_files)}.bin")
    path.write_bytes(content_of(path.name))
    caller.write(f"/send {callee.name}: {path}")
    await callee.file(lambda report: report["name"] == path.name and report["state"] == "done")
    await hang_up(caller, callee)


def content_of(name: str) -> bytes:
    """Of the file of that name, which is no other's."""
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
}
