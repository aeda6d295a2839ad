"""One long call: the caller sends test picture and tone, and the callee records them while it sends its own.

All numbers in their packets wrap in the first seconds (wrapping.py). The recording is assembled by sequence numbers and
timestamps, so it is checked afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av

from bot.home import Home
from bot.kinds import Kind
from tests.bot.console import SECONDS, Person, befriend, connect, hang_up, people
from tests.soak.footprint import Footprint, more_than
from tests.soak.soak import Counted

CONFIGS = {"bob": "[media]\nrecordings_leave_mb = 1\n"}

WRAPPED = 200
"Packets of sound until both numbers have wrapped. See BEFORE_WRAP."


class Wrapping(Counted):
    """A person whose packet numbers wrap soon."""

    program = "tests.soak.wrapping"


@dataclass
class Recorded:
    """The content of the callee's recording."""

    seconds: float
    "Seconds from the first frame of sound to the last."

    audio_frames: int
    video_frames: int
    longest_gap: float
    "Seconds between two frames of sound."


@dataclass
class LongCall:
    """The result of the call."""

    seconds: float = 0.0
    footprints: dict[str, list[Footprint]] = field(default_factory=dict)
    "The footprints in the call, by person."

    left: dict[str, list[str]] = field(default_factory=dict)
    "By person, what is more after the call than before it."

    packets: dict[str, tuple[int, int]] = field(default_factory=dict)
    "By person, the packets of sound and picture that arrived."

    reconnected: int = 0
    recorded: Recorded | None = None


async def long_call(
    folder: Path, looks: int, said: Callable[[str], None] = lambda line: None, *, every: float = 0.0
) -> LongCall:
    """Make a call with this many looks at both programs, `every` seconds apart or once the numbers have wrapped."""
    result = LongCall()
    async with people(folder, "anna", "bob", configs=CONFIGS, kind=Wrapping) as everybody:
        anna, bob = everybody
        await befriend(anna, bob)
        await bob.asked("/contact endpoint anna pattern+recorder", kind=Kind.CONTACT_ENDPOINT)
        await connect(anna, bob, answer="/answer anna")  # the remains of a first call are no leak of the second
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(anna, bob)
        before = {person.name: await _calm(person) for person in everybody}
        for recording in Home(bob.home).recordings.iterdir():
            recording.unlink()
        await connect(anna, bob, answer="/answer anna")
        began = time.monotonic()
        for number in range(1, looks + 1):
            await asyncio.sleep(began + number * every - time.monotonic())
            for person in everybody:
                before_it = result.packets.get(person.name, (WRAPPED, WRAPPED))
                result.packets[person.name] = await _arrived(person, before_it)
                assert isinstance(person, Counted)
                look = await person.footprint((time.monotonic() - began) / 60)
                result.footprints.setdefault(person.name, []).append(look)
            for name, seen in result.footprints.items():
                said(f"{number} of {looks}, {name}: {result.packets[name]} packets, {seen[-1]}")
        await hang_up(anna, bob)
        result.seconds = time.monotonic() - began
        for person in everybody:
            result.left[person.name] = more_than([before[person.name]], await _calm(person))
            result.reconnected += sum(call["state"] == "reconnecting" for call in person.calls)
        (recording,) = Home(bob.home).recordings.iterdir()
        result.recorded = await asyncio.to_thread(recorded, recording)
    return result


async def _calm(person: Person) -> Footprint:
    assert isinstance(person, Counted)
    await person.calm()
    return await person.footprint(0)


async def _arrived(person: Person, before: tuple[int, int]) -> tuple[int, int]:
    """Wait until more packets of sound and of picture have arrived than before, and return both counts."""
    async with asyncio.timeout(SECONDS):
        while True:
            (call,) = [call for call in (await person.status())["calls"] if call["state"] != "ended"]
            audio, video = call["audio_packets_received"], call["video_packets_received"]
            if audio > before[0] and video > before[1]:
                return audio, video
            await asyncio.sleep(0.2)  # a count has no event to wait for


def recorded(path: Path) -> Recorded:
    """Read a recording to its end."""
    with av.open(str(path)) as container:
        times: dict[str, list[float]] = {"audio": [], "video": []}
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                times[packet.stream.type].append(float(packet.pts * packet.time_base))
    sound = times["audio"]
    return Recorded(
        seconds=sound[-1] - sound[0],
        audio_frames=len(sound),
        video_frames=len(times["video"]),
        longest_gap=max(later - earlier for earlier, later in itertools.pairwise(sound)),
    )
