"""Sound through PulseAudio or PipeWire, with the programs parec and pacat (Debian: pulseaudio-utils)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
from collections.abc import AsyncGenerator

from peer.media.devices.choice import FoundDevices
from peer.media.ending import end_process
from peer.media.sound.types import (
    BLOCK_SECONDS,
    HEARD_BYTES,
    PLAYED_BYTES,
    SAMPLE_RATE,
    STILL_SECONDS,
    SoundGone,
    SoundHangs,
    SoundKind,
)
from peer.overlay.bounded import read_bounded
from shared.errors import MediaError

PROGRAMS = ("parec", "pacat", "pactl")

HEARD_MS = 20
"How many milliseconds of sound parec collects before it delivers them."

PLAYED_MS = 50
"How many milliseconds of sound pacat keeps ahead, so that a late packet leaves no gap."

PIPE_BYTES = 4096
"How many bytes may wait in the pipe to pacat: 21 ms, the least that Linux allows. Waiting sound is heard later."

REPLY_SECONDS = 3.0
"How long the sound server may take to reply."

REPLY_BYTES = 1 << 20
"Of an answer: of so many a list of sources would have thousands."

NUDGE_SECONDS = 0.5
"How long a new subscription waits for its first event. After that it causes one."

KINDS: dict[SoundKind, tuple[str, str]] = {
    "microphone": ("sources", "Default Source"),
    "speaker": ("sinks", "Default Sink"),
}
"pactl's names for each kind: in its lists, and in its line about the server's default."

CHANGE = re.compile(rb"^Event '(?:(?:new|remove)' on (?:source|sink)|change' on server)\b(?!-)")
"What `pactl subscribe` prints when a device comes, goes, or becomes the default."

COMMON = (
    "--raw",
    "--format=s16le",
    f"--rate={SAMPLE_RATE}",
    "--client-name=Copybara Relay",
    "--property=media.role=phone",  # desktops turn music down for this role, and cancel the echo
)


class Pulse:
    """The sound server of the current user's session, or the server that PULSE_SERVER names."""

    @staticmethod
    async def answers() -> bool:
        """Whether there is a server. Raises SoundHangs if the server doesn't reply."""
        try:
            await _pactl("info")
        except SoundHangs:
            raise
        except MediaError:
            return False
        return True

    async def devices(self, kind: SoundKind, wanted: str) -> FoundDevices:
        """See SoundSystem."""
        _, default = KINDS[kind]
        said = dict(line.split(": ", 1) for line in (await _pactl("info")).splitlines() if ": " in line)
        names = await _names(kind)
        if wanted.startswith("@DEFAULT_"):
            names = (*names, wanted)
        return FoundDevices(names, said[default] if said.get(default) in names else None)

    async def changes(self) -> AsyncGenerator[None, None]:
        """See SoundSystem."""
        process = await _start("pactl", "subscribe")
        assert process.stdout is not None
        try:
            # pactl doesn't say when it has subscribed. But its server reports every program that connects, this one
            # too.
            first = asyncio.ensure_future(process.stdout.readline())
            try:
                while not (await asyncio.wait([first], timeout=NUDGE_SECONDS))[0]:
                    await _pactl("info")
                line = first.result()
            finally:
                first.cancel()
                await asyncio.wait([first])
            if line:
                yield
            while line:
                if CHANGE.match(line):
                    yield
                line = await process.stdout.readline()
        finally:
            await end_process(process)
        raise SoundGone

    async def listen(self, device: str) -> PulseSource:
        """Open a source."""
        await _require(device, "microphone")
        return PulseSource(
            await _start("parec", *COMMON, "--channels=1", f"--latency-msec={HEARD_MS}", *_device(device))
        )

    async def speak(self, device: str) -> PulseSink:
        """Open a sink."""
        await _require(device, "speaker")
        return PulseSink(
            await _start("pacat", *COMMON, "--channels=2", f"--latency-msec={PLAYED_MS}", *_device(device))
        )


class PulseSource:
    """A running parec."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._process = process
        self._stdout = process.stdout

    async def read(self) -> bytes:
        """See SoundSource."""
        try:
            async with asyncio.timeout(STILL_SECONDS):
                return await self._stdout.readexactly(HEARD_BYTES)
        except (asyncio.IncompleteReadError, TimeoutError):
            raise SoundGone from None

    async def close(self) -> None:
        """See SoundSource."""
        await end_process(self._process)


class PulseSink:
    """A running pacat."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        self._process = process
        self._stdin = process.stdin
        pipe = self._stdin.transport.get_extra_info("pipe")
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._stdin.transport.set_write_buffer_limits(high=0)

    async def write(self, samples: bytes) -> None:
        """See SoundSink."""
        try:
            self._stdin.write(samples)
            async with asyncio.timeout(STILL_SECONDS + len(samples) / PLAYED_BYTES * BLOCK_SECONDS):
                await self._stdin.drain()
        except (ConnectionError, TimeoutError):
            raise SoundGone from None

    async def close(self, *, drain: bool = False) -> None:
        """See SoundSink."""
        self._stdin.close()
        if drain:
            # pacat ends once it has played everything.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPLY_SECONDS):
                    await self._process.wait()
        await end_process(self._process)
        # If pacat ended with sound left to play, that is no error. Python 3.11.2 would report one.
        with contextlib.suppress(ConnectionError):
            await self._stdin.wait_closed()


async def _require(device: str, kind: SoundKind) -> None:
    """Raise MediaError if no device has that name. The hint lists the names that exist."""
    if not device or device.startswith("@DEFAULT_"):
        return
    names = await _names(kind)
    if device not in names:
        raise MediaError(f"There is no {kind} {device!r}.", f"There are: {', '.join(names) or 'none'}.")


async def _names(kind: SoundKind) -> tuple[str, ...]:
    lines = (await _pactl("list", "short", KINDS[kind][0])).splitlines()
    return tuple(line.split("\t")[1] for line in lines if "\t" in line)


def _device(name: str) -> list[str]:
    return [f"--device={name}"] if name else []


async def _start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE if program == "pacat" else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if program != "pacat" else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            limit=HEARD_BYTES * 4,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except OSError as error:
        raise MediaError(f"{program} can't be started: {error.strerror}.", "Install pulseaudio-utils.") from error


async def _pactl(*arguments: str) -> str:
    """What pactl prints. Raises MediaError if there is no server, or it doesn't reply."""
    process = await _start("pactl", *arguments)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            out = await read_bounded(process.stdout, REPLY_BYTES)
            if out is not None:
                await process.wait()
    except TimeoutError:
        raise SoundHangs from None
    finally:
        await end_process(process)
    if process.returncode or out is None:
        raise SoundGone
    return out.decode("utf-8", "replace")
