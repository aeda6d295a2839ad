"""What the two people do while their programs are killed. An uncut scene begins and ends without a call."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable

from bot.kinds import Kind
from tests.bot.console import Person, connect, hang_up, ring

FILE_BYTES = 5_000_000
"Size of a file that takes a second or two in a call on this machine."

_files = itertools.count(1)

Scene = Callable[[Person, Person], Awaitable[None]]


async def first_contact(caller: Person, callee: Person) -> None:
    """The two remove each other, meet again as strangers, pair, and save each other."""
    for person, other in ((caller, callee), (callee, caller)):
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


async def answered(caller: Person, callee: Person) -> None:
    """A contact calls and is answered. The two write a line of text, and the caller hangs up."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    caller.write(f"/say {callee.name}: Hello")
    await callee.until(lambda said: "Hello" in said.get("text", ""))
    await hang_up(caller, callee)


async def declined(caller: Person, callee: Person) -> None:
    """The callee declines the call."""
    await ring(caller, callee)
    callee.write("/decline")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def taken_back(caller: Person, callee: Person) -> None:
    """The caller hangs up while the call rings."""
    await ring(caller, callee)
    caller.write("/hangup")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def glare(caller: Person, callee: Person) -> None:
    """Both call each other at once, and the two calls become one."""
    caller.write(f"/call {callee.name}")
    callee.write(f"/call {caller.name}")
    await asyncio.gather(*(person.call("active") for person in (caller, callee)))
    await hang_up(callee, caller)


async def recorded(caller: Person, callee: Person) -> None:
    """The two have a longer call, and the callee records it."""
    await connect(caller, callee, answer=f"/answer {caller.name}")
    await callee.media()
    await hang_up(callee, caller)


async def on_hold(caller: Person, callee: Person) -> None:
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


async def file_sent(caller: Person, callee: Person) -> None:
    """The caller sends a file, and the callee accepts each file. Unfinished files of earlier rounds arrive too."""
    await callee.asked(f"/contact files {caller.name} always", kind=Kind.CONTACT_FILES)
    await connect(caller, callee, answer=f"/answer {caller.name}")
    path = caller.home.with_name(f"{caller.name}-{next(_files)}.bin")
    path.write_bytes(content_of(path.name))
    caller.write(f"/send {callee.name}: {path}")
    await callee.file(lambda report: report["name"] == path.name and report["state"] == "done")
    await hang_up(caller, callee)


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
}
