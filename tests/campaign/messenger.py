"""Kills while two bots talk to a messenger: each entry of the journal is done once, whenever a program dies.

`python -m tests.campaign --messenger --kills 60`. The messenger is Telegram's stand-in (tests/bot/telegram). In each
round one human writes `/call`, the other human's bot rings, they tap Answer, and the caller writes `/hangup`. One
program is killed at a random moment of that, and at one of its next start. Then both run and answer a command.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.home import Home
from shared.contacts import Trust
from shared.store.journal import Journal
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import Person, friends, two_people
from tests.bot.telegram.world import World
from tests.campaign.result import Result

USUAL_SECONDS = 2.0
"Length of a scene without a kill."

SETTLED_SECONDS = 90.0
SECOND_KILL = 0.3
CALLS_COMPARED = 1000


async def scene(caller: Person, callee: Person) -> None:
    """A call by the bots that is answered with a tap and ended by a command."""
    seen = len(callee.chat.messages)
    caller.says(f"/call {callee.name.lower()}")
    ringing = await callee.reads(says.rings(caller.name.lower()), since=seen)
    callee.human.taps_button(ringing, "Answer")
    await asyncio.gather(caller.media(), callee.media())
    caller.says("/hangup")
    await asyncio.gather(*(person.call("ended") for person in (caller, callee)))


async def campaign(folder: Path, kills: int, seed: int, said: Callable[[str], None] = lambda line: None) -> Result:
    """Make two new people in `folder` who know each other, and kill this often."""
    draw, result, began = random.Random(seed), Result(), time.monotonic()
    async with two_people(folder) as (anna, bob, world, _):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        for number in itertools.count(1):
            if result.kills >= kills:
                break
            caller, callee = draw.sample((anna, bob), 2)
            victims = draw.choice([[caller], [callee], [caller, callee]])
            moments = [draw.uniform(0.0, USUAL_SECONDS)]
            if draw.random() < SECOND_KILL:
                moments.append(draw.uniform(0.0, 1.5))
            which = "both" if len(victims) == 2 else "the caller" if victims == [caller] else "the callee"
            drawn = (
                f"round {number}, a call by bots, {which} after {moments[0]:.2f} s{' and again' if moments[1:] else ''}"
            )
            playing = asyncio.ensure_future(scene(caller, callee))
            await asyncio.wait([playing], timeout=moments[0])
            result.kills += await _kill(victims)
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError, AssertionError):
                await playing
            for moment in moments[1:]:
                starting = [asyncio.ensure_future(victim.launch()) for victim in victims]
                await asyncio.sleep(moment)  # the draw decides the moment
                result.kills += await _kill(victims)
                await asyncio.gather(*starting, return_exceptions=True)
                await _kill(victims)  # a victim that wasn't running yet
            await asyncio.gather(*(victim.launch() for victim in victims))
            try:
                await _settle(world, anna, bob)
                found = [fault for person in (anna, bob) for fault in _faults(person)]
            except (AssertionError, TimeoutError) as stuck:
                found = [f"stuck: {str(stuck)[:2000] or type(stuck).__name__}"]
            result.rounds += 1
            result.by_scene["a call by bots"] += 1
            result.by_victim[which] += 1
            said(f"{drawn}: {'; '.join(found) or 'all is well'}")
            result.faults += [f"{drawn}: {fault}" for fault in found]
        result.calls = len(_logged(anna) | _logged(bob))
        result.faults += _links_sent_twice(world, anna, bob)
    result.seconds = time.monotonic() - began
    return result


async def _kill(victims: list[Person]) -> int:
    running = [victim for victim in victims if victim.is_up]
    for victim in running:
        await victim.kill()
    return len(running)


async def _settle(world: World, *people: Person) -> None:
    """Wait until both answer, no call is left, and no journal has work.

    Twice, because links have an effect on the other side.
    """
    async with asyncio.timeout(SETTLED_SECONDS):
        for _ in range(2):
            for person in people:
                while True:
                    seen = len(person.chat.messages)
                    person.says("/status")
                    await person.read_in(person.chat, "", since=seen + 1)
                    if any("No calls" in message.text for message in person.chat.messages[seen + 1 :]):
                        break
                    person.says("/hangup")
                    await asyncio.sleep(0.2)  # a call that has ended is listed until the log has it
        while any(_waiting(person) for person in people):  # noqa: ASYNC110 -- nobody tells of an empty journal
            await asyncio.sleep(0.1)


def _waiting(person: Person) -> bool:
    with person.store() as store:
        journal = Journal(store, "telegram")
        return bool(journal.waiting() or journal.outgoing())


def _logged(person: Person) -> set[bytes]:
    with person.store() as store:
        return {record.reference for record in store.call_log(CALLS_COMPARED)}


def _faults(person: Person) -> Iterator[str]:
    with person.store() as store:
        times = Counter(record.reference for record in store.call_log(CALLS_COMPARED))
        for call in store.running_calls():
            yield f"{person.name}: a call that isn't over: {call}"
    for reference, count in times.items():
        if count > 1:
            yield f"{person.name}: the call {reference.hex()} is in the log {count} times"
    with contextlib.closing(sqlite3.connect(f"file:{Home(person.home).database}?mode=ro", uri=True)) as database:
        if (state := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"{person.name}: the database is damaged: {state}"
    if "Traceback" in person.errors:
        yield f"{person.name}: a traceback: {person.errors[-2000:]}"


def _links_sent_twice(world: World, anna: Person, bob: Person) -> list[str]:
    """A bot that is killed between its message and Telegram's reply may send the message once more, not twice."""
    times = Counter(message.text for message in world.between(anna.bot, bob.bot).messages)
    return [f"a link was sent {count} times: {text[:60]}" for text, count in times.items() if count > 2]
