"""Sound servers for tests, PulseAudio and PipeWire, without hardware or systemd and for any user; and ears to listen.

`air` is a sink of three channels that nobody hears. What is played into `{name}_voice` goes to its front, and
`{name}_microphone` hears only that. What is played into the stereo speaker `{name}_ear` goes to its rear. So a
recording of the sink's monitor contains the voice and the heard sound side by side, with the same samples.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import functools
import math
import operator
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.before_others import before_others
from tests.peer.media.tone import SAMPLE_RATE
from tests.programs import need

SECONDS = 30.0

CHANNELS = "front-left,rear-left,rear-right"

LIST_NAMES = "org.freedesktop.DBus.ListNames"

SILENT = 20.0
"The decoded silence of an encoder stays below this level."

MOST = 0.6
"The share of a note in the energy of a sound that is that note: less than with a third of it missing."


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
        """The sink of the speaker to which a test listens."""
        return f"{self.name}_ear"


@dataclass(frozen=True, slots=True)
class Room:
    """A room whose microphone hears the speaker 30 ms later, and what is played into the sink `air`."""

    air: str
    microphone: str
    speaker: str

    cancelling_microphone: str
    cancelling_speaker: str
    "The same two devices through the sound server's echo canceller."


class PulseServer:
    """A server that speaks PulseAudio's protocol: PulseAudio itself."""

    plain_cancelling = "noise_suppression=0 analog_gain_control=0 digital_gain_control=0"
    "Arguments that switch off all but the echo canceller, which takes a lasting tone for noise."

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_STATE_HOME": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
        }
        self._folder = folder
        self._processes: list[asyncio.subprocess.Process] = []
        self._loaded: dict[str, tuple[str, tuple[str, str]]] = {}
        "For each device name, the number of its module and the arguments of its load."

    @contextlib.asynccontextmanager
    async def running(self, *airs: str) -> AsyncIterator[list[Air]]:
        """Run the server during the block, with an `air` for each name."""
        with before_others():
            async with self._serving():
                yield await self._airs(*airs)

    async def _airs(self, *names: str) -> list[Air]:
        for name in names:
            front = "channels=1 channel_map=mono master_channel_map=front-left remix=no"
            rear = "channels=2 channel_map=front-left,front-right master_channel_map=rear-left,rear-right remix=no"
            await self.load("null-sink", f"sink_name={name} rate=48000 channels=3 channel_map={CHANNELS}")
            await self.load("remap-sink", f"sink_name={name}_voice master={name} {front}")
            await self.load("remap-sink", f"sink_name={name}_ear master={name} {rear}")
            await self.load("remap-source", f"source_name={name}_microphone master={name}.monitor {front}")
        return [Air(self, name) for name in names]

    async def room(self) -> Room:
        """Make the room. Call it once."""
        room = Room("room_air", "room_air.monitor", "room_speaker", "cancelling_microphone", "cancelling_speaker")
        for sink in (room.air, room.speaker):
            await self.load("null-sink", f"sink_name={sink} rate=48000 channels=1 channel_map=mono")
        await self.load("loopback", f"source={room.speaker}.monitor sink={room.air} latency_msec=30")
        masters = f"source_master={room.microphone} sink_master={room.speaker}"
        names = f"source_name={room.cancelling_microphone} sink_name={room.cancelling_speaker}"
        options = f'aec_args="{self.plain_cancelling}"'
        await self.load("echo-cancel", f"{masters} {names} aec_method=webrtc", options)
        return room

    async def load(self, module: str, arguments: str, *spaced: str) -> None:
        """Load a module with arguments between spaces, and with arguments that contain spaces."""
        command = ("pactl", "load-module", f"module-{module}", *arguments.split(), *spaced)
        async with self.started(*command) as process:
            out, _ = await process.communicate()
        assert process.returncode == 0, command
        for name in re.findall(r"(?:source|sink)_name=(\S+)", arguments):
            self._loaded[name] = out.decode().strip(), (module, arguments)

    async def unplug(self, device: str) -> tuple[str, str]:
        """Remove the source or sink with this name. Returns the arguments of `load` that bring it back."""
        number, module = self._loaded.pop(device)
        assert await self._run("pactl", "unload-module", number) == 0
        return module

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the server's answers during the block."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self._processes:
                process.send_signal(signal.SIGCONT)

    async def make_default(self, kind: str, device: str) -> None:
        """Make a `source` or a `sink` the default device of the system."""
        assert await self._run("pactl", f"set-default-{kind}", device) == 0

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        socket = f"module-native-protocol-unix socket={self._folder}/native auth-anonymous=1"
        options = ("--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error")
        async with self._serves("pulseaudio", "-n", *options, "--load", socket, answers=("pactl", "info")):
            yield

    @contextlib.asynccontextmanager
    async def _serves(self, *command: str, answers: tuple[str, ...] = ()) -> AsyncIterator[None]:
        """Run a program in the background, and enter the block once the command `answers` works.

        What it complains about is shown with a test that fails.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        self._processes.append(process)
        try:
            async with asyncio.timeout(SECONDS):
                while answers and await self._run(*answers):
                    assert process.returncode is None, f"{command[0]} has ended; see its stderr"
            yield
        finally:
            self._processes.remove(process)
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(SECONDS):
                    await process.wait()
            except TimeoutError:
                # PulseAudio's threads sometimes wait for each other for ever.
                process.kill()
                await process.wait()

    def played_into(self, sink: str) -> dict[str, str]:
        """The environment of a program whose sound goes to that sink."""
        return {name: self.environment[name] for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH")} | {"PULSE_SINK": sink}

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
        """Run a program with pipes during the block."""
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
            with contextlib.suppress(ConnectionError):
                await process.stdin.wait_closed()

    async def say(self, sink: str, samples: bytes) -> None:
        """Play 16-bit mono samples at 48 kHz to the end."""
        form = ("--raw", "--format=s16le", "--channels=1", f"--rate={SAMPLE_RATE}")
        async with self.started("pacat", *form, f"--device={sink}") as process:
            await process.communicate(samples)

    async def streams(self) -> list[str]:
        """The kinds of current streams, each once."""
        kinds = []
        for kind in ("sink-inputs", "source-outputs"):
            async with self.started("pactl", "list", "short", kind) as process:
                out, _ = await process.communicate()
            # The streams of the modules that make an air have no client.
            if any(line.split("\t")[2] != "-" for line in out.decode().splitlines()):
                kinds.append(kind)
        return kinds

    async def until_streams(self, *kinds: str) -> None:
        """Wait until the streams have exactly these kinds. The server needs a moment to notice a program."""
        async with asyncio.timeout(SECONDS):
            while await self.streams() != [*kinds]:
                pass

    async def until_no_streams(self) -> None:
        """Wait until no program plays or listens."""
        await self.until_streams()

    @contextlib.asynccontextmanager
    async def heard(self, name: str) -> AsyncIterator[Ears]:
        """Ears at an `air` that listen from now on."""
        form = ("--raw", "--format=s16le", "--channels=3", f"--channel-map={CHANNELS}", f"--rate={SAMPLE_RATE}")
        async with self.started("parec", *form, "--latency-msec=20", f"--device={name}.monitor") as process:
            assert process.stdout is not None
            ears = Ears(process.stdout)
            await ears.listen(0.05)
            yield ears


class PipeWire(PulseServer):
    """PipeWire as a desktop runs it: WirePlumber connects the streams, and pipewire-pulse speaks PulseAudio's protocol.

    WirePlumber needs a session bus.
    """

    plain_cancelling = "webrtc.noise_suppression=false webrtc.gain_control=false"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment |= {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
        # WirePlumber's Bluetooth module waits for logind. Where systemd doesn't run, that ends the whole program.
        without = folder / "wireplumber/bluetooth.lua.d/51-without.lua"
        without.parent.mkdir(parents=True, exist_ok=True)
        without.write_text("bluez_monitor.enabled = false\n")

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        bus = self.environment["DBUS_SESSION_BUS_ADDRESS"]
        listed = ("dbus-send", f"--bus={bus}", "--dest=org.freedesktop.DBus", "--print-reply", "/", LIST_NAMES)
        async with (
            self._serves("dbus-daemon", "--session", "--nofork", "--nosyslog", f"--address={bus}", answers=listed),
            self._serves("pipewire", answers=("pw-cli", "info", "0")),
            self._serves("wireplumber"),
            self._serves("pipewire-pulse", answers=("pactl", "info")),
        ):
            yield


class Ears:
    """What was said, and what was heard in the left channel, from the same moment on."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.said: array.array[int] = array.array("h")
        self.heard: array.array[int] = array.array("h")
        self._reader = reader

    async def listen(self, seconds: float) -> None:
        """Listen for this many seconds."""
        async with asyncio.timeout(SECONDS + seconds):
            samples = array.array("h", await self._reader.readexactly(round(seconds * SAMPLE_RATE) * 6))
        self.said += samples[0::3]
        self.heard += samples[1::3]

    async def until_heard(self, level: float, seconds: float = 0.1) -> None:
        """Listen until the last `seconds` in the ear are at least this loud."""
        while loudness(self.heard[-round(seconds * SAMPLE_RATE) :]) < level:
            await self.listen(0.02)

    async def until_notes(self, *wanted: float) -> None:
        """Listen until these notes are heard in this order, with any length, and then silence."""
        async with asyncio.timeout(SECONDS):
            while notes(self.heard, *set(wanted)) != [*wanted]:
                await self.listen(0.2)
        await self.until_silent()

    async def hears_once(self, *wanted: float) -> None:
        """Listen until these notes are heard in this order, and check that they don't come again."""
        await self.until_notes(*wanted)
        await self.listen(0.6)
        when = notes_at(self.heard, *set(wanted))
        assert [note for _, note in when] == [*wanted], f"seconds and hertz: {when}"

    async def until_silent(self, seconds: float = 0.2) -> None:
        """Listen until nothing was heard for this many seconds."""
        await self.listen(seconds)
        while loudness(self.heard[-round(seconds * SAMPLE_RATE) :]) > SILENT:
            await self.listen(0.02)


def loudness(samples: array.array[int]) -> float:
    """The effective value (root mean square)."""
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def onset(samples: array.array[int], level: int) -> int:
    """The first sample that differs from silence by at least `level`."""
    return next(n for n, sample in enumerate(samples) if abs(sample) >= level)


def frequency(samples: array.array[int]) -> float:
    """The frequency of one tone, from its upward zero crossings. 0 if there are fewer than two."""
    crossings = [
        n + samples[n] / (samples[n] - samples[n + 1])
        for n in range(len(samples) - 1)
        if samples[n] < 0 <= samples[n + 1]
    ]
    if len(crossings) < 2:
        return 0.0
    return (len(crossings) - 1) * SAMPLE_RATE / (crossings[-1] - crossings[0])


def notes(samples: array.array[int], *known: float) -> list[float]:
    """The known notes in the order in which they sound. Sounds between them and broken notes are left out."""
    return [note for _, note in notes_at(samples, *known)]


def notes_at(samples: array.array[int], *known: float) -> list[tuple[float, float]]:
    """The known notes in their order, each with the second at which it begins."""
    found: list[tuple[float, float]] = []
    step = SAMPLE_RATE // 25
    for at in range(0, len(samples) - step, step // 4):
        note = note_in(samples[at : at + step], *known)
        if note and [note] != [before for _, before in found[-1:]]:
            found.append((at / SAMPLE_RATE, note))
    return found


def note_in(samples: array.array[int], *known: float) -> float:
    """Which of the known notes makes most of the sound in it; 0 if none does, or it is quiet.

    A busy sound server leaves holes of 10 ms. By where it crosses zero, 40 ms of 880 Hz with such a hole are 660 Hz.
    """
    if loudness(samples) < 500:
        return 0.0
    shares = {note: _share(samples, note) for note in known}
    best = max(shares, key=lambda note: shares[note])
    return best if shares[best] > MOST else 0.0


def _share(samples: array.array[int], hertz: float) -> float:
    """How much of the energy is at that frequency, 0 to 1."""
    energy = sum(map(operator.mul, samples, samples))
    parts = (sum(map(operator.mul, samples, wave)) for wave in _waves(hertz, len(samples)))
    return float(2 * sum(part * part for part in parts) / (len(samples) * energy))


@functools.cache
def _waves(hertz: float, length: int) -> tuple[array.array[float], array.array[float]]:
    turns = [2 * math.pi * hertz * n / SAMPLE_RATE for n in range(length)]
    return array.array("d", map(math.cos, turns)), array.array("d", map(math.sin, turns))


def need_pulseaudio() -> None:
    """Skip a test that needs a sound server if none can be started."""
    need("pulseaudio", "parec", "pacat", "pactl", packages="pulseaudio, pulseaudio-utils")


def need_pipewire() -> None:
    """Skip a test that needs PipeWire if it can't be started."""
    need_pulseaudio()
    need(
        *("pipewire", "pw-cli", "wireplumber", "pipewire-pulse", "dbus-daemon", "dbus-send"),
        packages="pipewire, wireplumber, pipewire-pulse, dbus-daemon, dbus-bin",
    )
