"""A PulseAudio server for tests: no hardware, no systemd, no D-Bus, any user; and ears to hear what it plays.

`air` is a sink of two channels that nobody hears. What is played into `{name}_voice` goes to its left channel, and
`{name}_microphone` hears only that; what is played into `{name}_ear` goes to its right channel. So a recording of the
sink's monitor has what was said and what was heard beside each other, to the sample.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.peer.tone import SAMPLE_RATE
from tests.programs import need

SECONDS = 10.0

SILENT = 20.0
"What an encoder makes of silence is less."


@dataclass(frozen=True, slots=True)
class Air:
    """What one microphone and one speaker share in a recording."""

    server: PulseServer
    name: str

    @property
    def voice(self) -> str:
        """The sink to speak into."""
        return f"{self.name}_voice"

    @property
    def microphone(self) -> str:
        """The source that hears the voice."""
        return f"{self.name}_microphone"

    @property
    def ear(self) -> str:
        """The sink of the speaker that is listened to."""
        return f"{self.name}_ear"


class PulseServer:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_SERVER": f"unix:{folder}/socket",
        }
        self._folder = folder

    @contextlib.asynccontextmanager
    async def running(self, *airs: str) -> AsyncIterator[list[Air]]:
        """Run the server for the length of the block, with an `air` for each name."""
        modules = [f"module-native-protocol-unix socket={self._folder}/socket auth-anonymous=1"]
        for name in airs:
            side = "channels=1 channel_map=mono remix=no"
            modules += [
                f"module-null-sink sink_name={name} rate=48000 channels=2 channel_map=front-left,front-right",
                f"module-remap-sink sink_name={name}_voice master={name} {side} master_channel_map=front-left",
                f"module-remap-sink sink_name={name}_ear master={name} {side} master_channel_map=front-right",
                f"module-remap-source source_name={name}_microphone master={name}.monitor {side} "
                "master_channel_map=front-left",
            ]
        loaded = [option for module in modules for option in ("--load", module)]
        process = await asyncio.create_subprocess_exec(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error"),
            *loaded,
            env=os.environ | self.environment,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(SECONDS):
                while await self._run("pactl", "info"):
                    assert process.returncode is None, "pulseaudio has ended"
            yield [Air(self, name) for name in airs]
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def _run(self, *command: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | self.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    @contextlib.asynccontextmanager
    async def started(self, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A program with pipes for the length of the block."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            assert process.stdin is not None
            process.stdin.close()

    async def say(self, sink: str, samples: bytes) -> None:
        """Play 16-bit mono samples at 48 kHz to the end."""
        form = ("--raw", "--format=s16le", "--channels=1", f"--rate={SAMPLE_RATE}")
        async with self.started("pacat", *form, f"--device={sink}") as process:
            await process.communicate(samples)

    async def streams(self) -> list[str]:
        """The kinds of streams that there are now, each once."""
        kinds = []
        for kind in ("sink-inputs", "source-outputs"):
            async with self.started("pactl", "list", "short", kind) as process:
                out, _ = await process.communicate()
            # Those of the modules that make an air have no client.
            if any(line.split("\t")[2] != "-" for line in out.decode().splitlines()):
                kinds.append(kind)
        return kinds

    async def until_no_streams(self) -> None:
        """Wait until nobody plays or listens: the server needs a moment to notice that a program has ended."""
        async with asyncio.timeout(SECONDS):
            while await self.streams():
                pass

    @contextlib.asynccontextmanager
    async def heard(self, name: str) -> AsyncIterator[Ears]:
        """Ears at an `air`, listening from here on."""
        form = ("--raw", "--format=s16le", "--channels=2", f"--rate={SAMPLE_RATE}", "--latency-msec=20")
        async with self.started("parec", *form, f"--device={name}.monitor") as process:
            assert process.stdout is not None
            ears = Ears(process.stdout)
            await ears.listen(0.05)
            yield ears


class Ears:
    """What was said (left) and what was heard (right), from the same moment on."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.said: array.array[int] = array.array("h")
        self.heard: array.array[int] = array.array("h")
        self._reader = reader

    async def listen(self, seconds: float) -> None:
        """Listen for so long."""
        async with asyncio.timeout(SECONDS + seconds):
            both = array.array("h", await self._reader.readexactly(round(seconds * SAMPLE_RATE) * 4))
        self.said += both[0::2]
        self.heard += both[1::2]

    async def until_heard(self, level: float, seconds: float = 0.1) -> None:
        """Listen until a stretch of that length at the end is as loud as that on the right."""
        while loudness(self.heard[-round(seconds * SAMPLE_RATE) :]) < level:
            await self.listen(0.02)

    async def until_silent(self, seconds: float = 0.2) -> None:
        """Listen until nothing was heard for so long."""
        await self.listen(seconds)
        while loudness(self.heard[-round(seconds * SAMPLE_RATE) :]) > SILENT:
            await self.listen(0.02)


def loudness(samples: array.array[int]) -> float:
    """The effective value (root mean square)."""
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def onset(samples: array.array[int], level: int) -> int:
    """The first sample as far from silence as `level`."""
    return next(n for n, sample in enumerate(samples) if abs(sample) >= level)


def frequency(samples: array.array[int]) -> float:
    """The frequency of one tone, from where it crosses zero upwards; 0 if it doesn't twice."""
    crossings = [
        n + samples[n] / (samples[n] - samples[n + 1])
        for n in range(len(samples) - 1)
        if samples[n] < 0 <= samples[n + 1]
    ]
    if len(crossings) < 2:
        return 0.0
    return (len(crossings) - 1) * SAMPLE_RATE / (crossings[-1] - crossings[0])


def notes(samples: array.array[int], *known: float) -> list[float]:
    """Which of the known notes follow each other in it; what is between or broken is left out."""
    found: list[float] = []
    step = SAMPLE_RATE // 25
    for at in range(0, len(samples) - step, step // 4):
        part = samples[at : at + step]
        if loudness(part) < 500:
            continue
        near = [note for note in known if abs(frequency(part) - note) < 8]
        if near and near != found[-1:]:
            found += near
    return found


def need_pulseaudio() -> None:
    """Skip what needs a sound server where there is none to start."""
    need("pulseaudio", "parec", "pacat", "pactl", packages="pulseaudio, pulseaudio-utils")
