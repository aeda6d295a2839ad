"""The same call between two processes: ours, as `copybara demo` starts them, and the alternative's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.programs import ENVIRONMENT
from benchmarks.timing import CallTimes, SideTimes
from bot.demo.node import DemoNode, Said
from bot.home import Home

READ_LIMIT = 256 * 1024

PATIENCE = 60.0
"Seconds after which something that should happen at once, also on a slow machine, is taken not to happen."

CONFIGURATION = """\
name = "{name}"
overlay = "loopback"

[answer]
endpoint = "pattern"
"""


class OurPair:
    """Two running copybaras that have saved each other as contacts, and the chat between them."""

    def __init__(self, anna: DemoNode, ben: DemoNode) -> None:
        self._anna = anna
        self._ben = ben

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator[OurPair]:
        """Start both and let them become contacts."""
        with tempfile.TemporaryDirectory() as folder:
            people = [_person(name, Path(folder)) for name in ("anna", "ben")]
            pair = cls(*people)
            try:
                await asyncio.gather(*(person.start() for person in people))
                await pair._get_acquainted()
                yield pair
            finally:
                await asyncio.gather(*(person.stop() for person in people if person.started))

    @property
    def process_ids(self) -> list[int]:
        """Of both programs."""
        return [int(Home(person.home).lock.read_text()) for person in (self._anna, self._ben)]

    async def call(self) -> CallTimes:
        """Anna calls, Ben answers with the link; both see and hear the other when this returns.

        The clock runs from before the link is written into Ben's program: what it reads, decides and stores is in.
        """
        self._anna.write("/call ben")
        link = await self._anna.posted("chat")
        read = time.monotonic()
        self._ben.write(link["text"], sender="anna")
        self._ben.write("/answer")
        reports = [await person.until(_has_media) for person in (self._anna, self._ben)]
        return CallTimes.of(read, read, *(_times(report) for report in reports))

    async def hang_up(self) -> None:
        """End the call."""
        self._anna.write("/hangup")
        await asyncio.gather(*(person.call("ended") for person in (self._anna, self._ben)))

    async def _get_acquainted(self) -> None:
        anna, ben = self._anna, self._ben
        anna.write(f"/call {ben.node}")
        ben.write((await anna.posted("chat"))["text"], sender="anna")
        ben.write("/answer")
        anna.write((await ben.posted("chat"))["text"], sender="ben")
        for person, other in ((anna, "ben"), (ben, "anna")):
            await person.posted("owner", "Compare these words")
            person.write(f"/contact add {other}")
            await person.posted("owner", "Saved")
            await _paired(person, other)
        await self.hang_up()


async def _paired(person: DemoNode, other: str) -> None:
    """Wait until the two programs have agreed on a secret, a few milliseconds after their first words."""
    while True:
        person.write(f"/contact show {other}")
        shown = await person.posted("owner", "\nlinks ")
        if "one is enough" in shown["text"]:
            return
        await asyncio.sleep(0.05)


def _person(name: str, folder: Path) -> DemoNode:
    home = folder / name
    home.mkdir(mode=0o700)
    (home / "copybara.toml").write_text(CONFIGURATION.format(name=name))
    return DemoNode(name, home, lambda node, said: None)


def _has_media(said: Said) -> bool:
    arrived = ("connect_ms", "first_audio_ms", "first_video_ms")
    return said["type"] == "call" and all(said[key] is not None for key in arrived)


def _times(report: Said) -> SideTimes:
    to_monotonic = time.monotonic() - time.time()
    connected = report["dialled_at"] + report["connect_ms"] / 1000
    return SideTimes(connected + to_monotonic, report["first_media_at"] + to_monotonic)


class TheirPair:
    """Two processes with an RTCPeerConnection each; this process passes the offer and the answer."""

    def __init__(self, calling: Process, called: Process) -> None:
        self._calling = calling
        self._called = called

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, *options: str) -> AsyncIterator[TheirPair]:
        """Start both. `options` are those of benchmarks.peer_connection_process."""
        command = (sys.executable, "-m", "benchmarks.peer_connection_process", *options)
        processes = [
            await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=READ_LIMIT, env=ENVIRONMENT)
            for _ in range(2)
        ]
        try:
            for process in processes:
                await _reply(process)
            yield cls(*processes)
        finally:
            for process in processes:
                assert process.stdin is not None
                process.stdin.close()
                await process.wait()

    @property
    def process_ids(self) -> list[int]:
        """Of both programs."""
        return [self._calling.pid, self._called.pid]

    async def call(self) -> CallTimes:
        """Both see and hear the other when this returns. The clock runs from before the offer is passed on."""
        _ask(self._calling, "offer")
        offer = (await _reply(self._calling))["sdp"]
        read = time.monotonic()
        _ask(self._called, "answer", offer)
        answer = (await _reply(self._called))["sdp"]
        last_read = time.monotonic()
        _ask(self._calling, "accept", answer)
        for process in (self._calling, self._called):
            _ask(process, "times")
        return CallTimes.of(
            read, last_read, *[SideTimes(**await _reply(process)) for process in (self._calling, self._called)]
        )

    async def hang_up(self) -> None:
        """End the call."""
        for process in (self._calling, self._called):
            _ask(process, "close")
            await _reply(process)


def _ask(process: Process, do: str, sdp: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"do": do, "sdp": sdp}).encode() + b"\n")


async def _reply(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        reply: dict[str, Any] = json.loads(await process.stdout.readline())
    return reply
