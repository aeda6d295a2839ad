"""Calls over bad networks: set-up, sound over narrow and lossy paths, and what comes back after the dark.

Two handset pages in a call, and the same two browsers connected directly, over the same path one after the other. What
a browser made up because no packet was there, and how long pictures stood still, are its own statistics.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.pages_apart import Counted, How, PagesApart, pages_apart
from peer.overlay import Address
from peer.transport.udp_socket import OverlaySocket
from tests.network.bad_path import Direction, Path
from tests.peer.pair import two_legs

NAME = "bad-networks"

ROUNDS = 1
"A round takes six minutes."

SETUPS = 40
SETUP_SECONDS = 60
SETUP_GOAL, BOUND = 2.0, 10.0

GOOD = Path(delay=30)

PATHS = {
    "100 kbit/s": Path(kbps=100, delay=30),
    "64 kbit/s": Path(kbps=64, delay=30),
    "32 kbit/s": Path(kbps=32, delay=30),
    "10 % lost, 200 ms jitter": Path(loss=0.1, delay=50, jitter=200),
}

AGAIN_SECONDS, SETTLE_SECONDS, SECONDS = 10.0, 10.0, 20.0
"On a good path before each turn; on the bad one before it is measured; and measured."

DARK_SECONDS = 5.0
DARK_TURNS = 3
BACK_GOAL = 2.0
PATIENCE = 20.0
"Seconds after which what hasn't come back counts as coming then."

PICTURED_SECONDS = 60.0
"A paused picture is tried again within half of that."

SAMPLES, PICTURES = 9_600, 3
"That many more that weren't made up: it is back."

LOOK_SECONDS = 0.05

STILL_SECONDS = 1.0
"Between two looks at a picture that may stand still."

SOME = 0.01
"What is less counts as this much, so that nothing is divided by nothing."


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if shutil.which("chromium") is None or find_spec("playwright") is None:
        return "needs chromium and playwright"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    return ""


def measure(
    rounds: int = ROUNDS, setups: int = SETUPS, seconds: float = SECONDS, settle: float = SETTLE_SECONDS
) -> Figure:
    """640x480 and a beep, both ways; each condition for the call and for the direct connection in turn."""
    return asyncio.run(_measure(rounds, setups, seconds, settle))


async def _measure(rounds: int, setups: int, seconds: float, settle: float) -> Figure:
    rows = []
    for part, goal in ((0.3, SETUP_GOAL), (0.4, SETUP_GOAL)):
        taken = [await _set_up(part) for _ in range(setups)]
        rows.append(Row(f"{part:.0%} lost, until sound can be sent", Samples.of(taken), unit="s", goal=goal))
        rows.append(Row(f"{part:.0%} lost, the slowest of {setups}", Samples.of([max(taken)]), unit="s", goal=BOUND))
    against = "the browsers directly"
    async with pages_apart() as pages:
        for name, path in PATHS.items():
            ours, theirs = await interleaved_tasks(
                rounds,
                *_turns(lambda how, path=path: _over(pages, how, path, settle, seconds)),  # type: ignore[misc]
            )
            made_up, frozen = (
                (Samples.of(each[at] for each in ours), Samples.of(each[at] for each in theirs)) for at in (0, 1)
            )
            rows.append(
                Row(f"{name}: sound made up", made_up[0], against, made_up[1], "%", max(SOME, made_up[1].median))
            )
            if not path.kbps:
                rows.append(
                    Row(f"{name}: frozen of {seconds:.0f} s", frozen[0], against, frozen[1], "s", frozen[1].median)
                )
        ours, theirs = await interleaved_tasks(max(1, rounds), *_turns(lambda how: _after_dark(pages, how)))
        for at, what in ((0, "sound"), (1, "picture")):
            mine, others = (Samples.of(turn[at] for turns in each for turn in turns) for each in (ours, theirs))
            rows.append(
                Row(f"{DARK_SECONDS:.0f} s dark: until the {what} is back", mine, against, others, "s", BACK_GOAL)
            )
    return Figure(NAME, "Bad networks", tuple(rows))


def _turns(run: Callable[[How], Awaitable]) -> tuple[Callable[[], Awaitable], Callable[[], Awaitable]]:  # type: ignore[type-arg]
    return lambda: run("relayed"), lambda: run("direct")


async def _set_up(part: float) -> float:
    """Seconds until both sides of a leg can send sound, over a path of 60 ms there and back that loses that part."""
    seeds = iter(range(2))

    class BadSocket(OverlaySocket):
        def __init__(self, local: Address, remote: Address) -> None:
            super().__init__(local, remote)
            self._way = Direction(seed=time.monotonic_ns() + next(seeds))

        def send(self, datagram: bytes, remote_port: int) -> None:
            loop = asyncio.get_running_loop()
            for at in self._way.times(Path(loss=part, delay=30, jitter=20), loop.time(), len(datagram)):
                loop.call_at(at, self._arrive, datagram, remote_port)

        def _arrive(self, datagram: bytes, remote_port: int) -> None:
            if not self.closed:
                super().send(datagram, remote_port)

    async with two_legs(BadSocket) as legs:
        began = time.monotonic()
        async with asyncio.timeout(SETUP_SECONDS):
            await asyncio.gather(legs.caller.connect(), legs.callee.connect())
        return time.monotonic() - began


async def _over(pages: PagesApart, how: How, path: Path, settle: float, seconds: float) -> tuple[float, float]:
    """The percentage of sound that was made up, and the seconds in which the picture stood still: both pages' mean."""
    await pages.through(how)
    await pages.path(GOOD)
    await asyncio.sleep(AGAIN_SECONDS)
    await pages.path(path)
    await asyncio.sleep(settle)
    looks = [await pages.counted(how)]
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(STILL_SECONDS, left))
        looks.append(await pages.counted(how))
    await pages.path(GOOD)
    both = list(zip(looks[0], looks[-1], strict=True))
    made_up = [100 * (now.concealed - then.concealed) / max(1.0, now.samples - then.samples) for then, now in both]
    frozen = [stood_still(each, seconds) for each in zip(*looks, strict=True)]
    return max(SOME, sum(made_up) / 2), max(SOME, sum(frozen) / 2)


def stood_still(looks: Sequence[Counted], seconds: float) -> float:
    """The part of `seconds` in which a picture stood still, from looks at equal times from their begin to their end.

    A browser counts it when the next picture has come, and nothing that takes longer than some seconds. So does each
    time between two looks without a picture, if that is more.
    """
    without = sum(now.pictures == then.pictures for then, now in pairwise(looks))
    return min(seconds, max(looks[-1].frozen - looks[0].frozen, seconds * without / (len(looks) - 1)))


async def _after_dark(pages: PagesApart, how: How) -> list[tuple[float, float]]:
    """The seconds until sound and picture were back on both sides, for some dark times."""
    await pages.through(how)
    await pages.path(GOOD)
    found = []
    for _ in range(DARK_TURNS):
        await asyncio.sleep(AGAIN_SECONDS)
        await _pictured(pages, how)
        await pages.path(Path(dark=True))
        light = asyncio.get_running_loop().time() + DARK_SECONDS
        # On a busy machine this takes a while, and the dark has to be no longer for it.
        await asyncio.sleep(DARK_SECONDS / 2)
        before = await pages.counted(how)
        await asyncio.sleep(light - asyncio.get_running_loop().time())
        await pages.path(GOOD)
        began = time.monotonic()
        sound = picture = None
        while (sound is None or picture is None) and time.monotonic() - began < PATIENCE:
            both = list(zip(before, await pages.counted(how), strict=True))
            past = time.monotonic() - began
            if sound is None and all(_heard(now) - _heard(then) > SAMPLES for then, now in both):
                sound = past
            if picture is None and all(now.pictures - then.pictures > PICTURES for then, now in both):
                picture = past
            await asyncio.sleep(LOOK_SECONDS)
        found.append((sound or PATIENCE, picture or PATIENCE))
    return found


async def _pictured(pages: PagesApart, how: How) -> None:
    """Wait until pictures come on both sides. A path before may have paused them, and that isn't measured here."""
    began, before = time.monotonic(), await pages.counted(how)
    while time.monotonic() - began < PICTURED_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        both = zip(before, await pages.counted(how), strict=True)
        if all(now.pictures - then.pictures > PICTURES for then, now in both):
            return


def _heard(counted: Counted) -> float:
    return counted.samples - counted.concealed
