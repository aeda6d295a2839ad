"""Kills, one after the other, in homes that survive all of them.

Each round draws a scene, its people, a victim (one of them or all) and a moment within the scene's usual length. It
kills the victim then, and sometimes a second time just after its next start, perhaps while it restores its call. Then
all programs run, all calls are ended, and all homes are checked. One seed decides all draws, but not what the machine
does in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import random
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.kinds import Kind
from shared.errors import CopybaraError
from tests.bot.console import befriend, connect, hang_up, people
from tests.campaign import checks
from tests.campaign.moments import what_it_is_in
from tests.campaign.participant import Participant
from tests.campaign.result import Result
from tests.campaign.scenes import SCENES, Scene, first_contact, glare, size_of

SETTLED_SECONDS = 90.0
"Seconds that a busy machine may need until all programs run again and no call is left."

PROOF_EVERY = 10
"Rounds after which a call has to be possible in both directions, with one link each."

LINKS_TRIED_AGAIN = 6
"The number of latest links that are delivered again after each round, if they were used."

LINES_SHOWN = 12
"Lines of each program that are shown when the programs are stuck."

SECOND_KILL = 0.3
"The probability that the victim is killed again while it starts."

CONFIG = {
    "anna": '[answer]\nendpoint = "pattern"\n',
    "bob": '[answer]\nendpoint = "recorder"\n',
    "carol": '[answer]\nendpoint = "pattern"\n',
}

ROLES = ("the caller", "the callee", "the third")


class Campaign:
    """A few people, and the rounds that kill their programs."""

    def __init__(
        self, people: Sequence[Participant], seed: int, said: Callable[[str], None], scenes: Mapping[str, Scene]
    ) -> None:
        self._scenes = scenes
        self._people = people
        self._draw = random.Random(seed)
        self._next: list[str] = []
        "The scenes left in this pass. Each scene comes once in a pass."

        self._said = said
        self._seen = 0
        self._begun: dict[bytes, tuple[str, str]] = {}
        "For each call that a link began: the link, and the name of its writer."

        self._crossing: set[bytes] = set()
        self._tokens: list[tuple[str, str]] = []
        self._began: dict[Participant, int] = {}
        "For each person, the number of lines written before the latest start of the program."

        self._usual = dict.fromkeys(scenes, 1.0)
        "The shortest time, in seconds, that each scene has taken without a kill."

        self.result = Result()

    async def run(self, kills: int) -> Result:
        """Continue until this many programs were killed and all scenes have come equally often.

        Faults don't end the campaign. They are in the result.
        """
        began = time.monotonic()
        for name, scene in self._scenes.items():
            start = time.monotonic()
            await scene(*self._people[: size_of(scene)])
            self._usual[name] = time.monotonic() - start
            await self._settle()
            self._note_links(name)
        for number in itertools.count(1):
            if self.result.kills >= kills and not self._next:
                break
            try:
                await self._round(number)
            except (AssertionError, TimeoutError) as stuck:
                # No program is killed in this step, so its failure is a fault too.
                self._stuck(number, stuck)
                self._note_links("glare")  # the scene may have been this one
                await asyncio.gather(*(self._again(person) for person in self._people))
        await self._befriended()
        await self._proof()
        self.result.calls = len(self._begun)
        self.result.seconds = time.monotonic() - began
        return self.result

    async def _round(self, number: int) -> None:
        name = self._drawn()
        scene = self._scenes[name]
        taking_part = self._draw.sample(self._people, size_of(scene))
        victims = self._draw.choice([*([person] for person in taking_part), taking_part])
        moment = self._draw.uniform(0.0, 1.1 * self._usual[name])
        again = self._draw.uniform(0.0, 1.5) if self._draw.random() < SECOND_KILL else None
        which = "all" if victims is taking_part else ROLES[taking_part.index(victims[0])]
        await self._befriended()
        took = await self._killed_in(scene, taking_part, victims, moment)
        self._usual[name] = min(self._usual[name], took)
        if again is not None:
            starts = [asyncio.create_task(self._begin(victim)) for victim in victims]
            await asyncio.sleep(again)  # the draw decides the moment
            self._kill(victims)
            await asyncio.gather(*starts, return_exceptions=True)
            self._kill(victims)  # a victim that wasn't running yet
            await self._gone(victims)
        await asyncio.gather(*(self._begin(victim) for victim in victims))
        await self._settle()
        found = await self._faults(name)
        if number % PROOF_EVERY == 0:
            await self._befriended()
            await self._proof()
        self.result.rounds += 1
        self.result.by_scene[name] += 1
        self.result.by_victim[which] += 1
        drawn = f"round {number}, {name}, {which} after {moment:.2f} s" + (" and again" if again is not None else "")
        self._said(f"{drawn}: {'; '.join(found) or 'all is well'}")
        self.result.faults += [f"{drawn}: {fault}" for fault in found]

    def _drawn(self) -> str:
        """The next scene: all scenes come once in a random order, then all again."""
        if not self._next:
            self._next = self._draw.sample(list(self._scenes), len(self._scenes))
        return self._next.pop()

    def _stuck(self, number: int, error: Exception) -> None:
        said = [
            f"{person.name}: {line.get('state') or line['kind']} {line.get('text') or ''}"
            for person in self._people
            for line in person.said[-LINES_SHOWN:]
        ]
        where = traceback.extract_tb(error.__traceback__)
        place = next(
            (f"{frame.name}, line {frame.lineno}" for frame in reversed(where) if "tests" in frame.filename), ""
        )
        said += [f"{person.name}'s stderr: {person.errors[-1500:]}" for person in self._people]
        self._said(f"round {number}: stuck in {place}:\n  " + "\n  ".join(said))
        self.result.faults.append(f"round {number}: stuck in {place}")

    async def _again(self, person: Participant) -> None:
        if person.running:
            person.process.send_signal(signal.SIGKILL)
            await person.gone()
        await self._begin(person)

    async def _begin(self, person: Participant) -> None:
        self._began[person] = len(person.said)
        await person.begin()

    async def _killed_in(
        self, scene: Scene, taking_part: list[Participant], victims: list[Participant], moment: float
    ) -> float:
        """Kill the victims in a scene. Returns the seconds that the scene took, infinity if it was cut short."""
        began = time.monotonic()
        playing = asyncio.ensure_future(scene(*taking_part))
        await asyncio.wait([playing], timeout=moment)
        whole = playing.done() and playing.exception() is None
        took = time.monotonic() - began if whole else math.inf
        self._kill(victims)
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError, AssertionError, CopybaraError):
            await playing
        await self._gone(victims)
        return took

    def _kill(self, victims: list[Participant]) -> None:
        for victim in victims:
            if victim.running:
                self.result.by_moment[what_it_is_in(victim.said[self._began.get(victim, 0) :])] += 1
                victim.process.send_signal(signal.SIGKILL)
                self.result.kills += 1

    async def _gone(self, victims: list[Participant]) -> None:
        for victim in victims:
            await victim.gone()

    async def _settle(self) -> None:
        """Wait until all programs run and no call is left."""
        async with asyncio.timeout(SETTLED_SECONDS):
            await asyncio.gather(*(person.calm() for person in self._people))
            # Wait for what the latest links of one person do on the other side.
            await asyncio.gather(*(person.calm() for person in self._people))

    async def _faults(self, scene: str) -> list[str]:
        self._note_links(scene)
        found = checks.faults(self._people, self._begun, self._crossing)
        again = self._tokens[-LINKS_TRIED_AGAIN:]
        for person in self._people:
            found += await checks.used_again(person, again)
        await self._settle()
        return found

    def _note_links(self, scene: str) -> None:
        chat = self._people[0].chat
        for writer, said in chat.posts[self._seen :]:
            if said["token"]:
                self._tokens.append((said["token"], writer.name))
                if said["kind"] == Kind.LINK_REQUEST:
                    reference = checks.request_of(said["token"])
                    self._begun[reference] = (said["token"], writer.name)
                    if SCENES[scene] is glare:
                        self._crossing.add(reference)
        self._seen = len(chat.posts)

    async def _befriended(self) -> None:
        """Let those meet again without a kill whom a killed first contact has left without each other as contacts."""
        for person, other in itertools.combinations(self._people, 2):
            with person.store() as ours, other.store() as theirs:
                paired = [
                    store.contact_of(each.id) is not None and store.writable_secret(each.id) is not None
                    for store, each in ((ours, other), (theirs, person))
                ]
            if not all(paired):
                await first_contact(person, other)
                await self._settle()

    async def _proof(self) -> None:
        """Check that a call is possible from each person to each other, with one link. Raises AssertionError."""
        for caller, callee in itertools.permutations(self._people, 2):
            link = await connect(caller, callee, answer=f"/answer {caller.name}")
            assert len(link["token"]) == 64, "one link is enough between contacts"
            await hang_up(caller, callee)
        await self._settle()


async def side_by_side(
    folder: Path, kills: int, seed: int, said: Callable[[str], None] = lambda line: None, *, pairs: int
) -> Result:
    """Run several campaigns at once, each with its own people and its own seed. Most of a round is waiting."""
    result = Result()

    async def one(number: int) -> None:
        place = folder / str(number)
        place.mkdir()
        share = kills // pairs + (number < kills % pairs)
        name = f"seed {seed + number}"
        try:
            result.add(await campaign(place, share, seed + number, lambda line: said(f"{name}, {line}")))
        except (AssertionError, TimeoutError) as error:
            result.faults.append(f"{name}: it ended early: {error or type(error).__name__}")

    async with asyncio.TaskGroup() as tasks:
        for number in range(pairs):
            tasks.create_task(one(number))
    return result


async def campaign(
    folder: Path,
    kills: int,
    seed: int,
    said: Callable[[str], None] = lambda line: None,
    *,
    scenes: Mapping[str, Scene] = SCENES,
) -> Result:
    """Make new people in `folder`, as many as the scenes need, befriend them, and kill this often in these scenes."""
    names = list(CONFIG)[: max(map(size_of, scenes.values()))]
    async with people(folder, *names, configs=CONFIG, kind=Participant) as everybody:
        for caller, callee in itertools.combinations(everybody, 2):
            await befriend(caller, callee)
        participants = [each for each in everybody if isinstance(each, Participant)]
        return await Campaign(participants, seed, said, scenes).run(kills)
