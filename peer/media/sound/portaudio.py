"""Sound through PortAudio, for machines without PulseAudio and PipeWire: ALSA, JACK, macOS, Windows.

Needs the package sounddevice, the extra `sound`, and on Linux the library libportaudio2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol

import sounddevice

from peer.media.devices.choice import FoundDevices
from peer.media.sound.portaudio_thread import thread
from peer.media.sound.types import (
    PLAYED_BYTES,
    SAMPLE_RATE,
    SAMPLES,
    STILL_SECONDS,
    SoundGone,
    SoundHangs,
    SoundKind,
)
from shared.errors import MediaError

KEPT_BLOCKS = 8
"How many blocks from a microphone may wait. Then the oldest is dropped."

AHEAD_BLOCKS = 3
"How many blocks wait ahead for the speaker."

MOST_NAMED = 8
"How many devices a hint lists."


class _Stream(Protocol):
    """What sounddevice's raw streams have in common."""

    def start(self) -> None: ...
    def close(self) -> None: ...


class PortAudio:
    """The devices that PortAudio finds. It looks for them once, and again only when no stream is open."""

    async def devices(self, kind: SoundKind, wanted: str) -> FoundDevices:
        """See SoundSystem. Lists only the wanted device and the default one."""
        return await thread.run(lambda: _found(kind, wanted))

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields nothing: PortAudio reports no devices that come or go. A stream ends with its device."""
        yield
        await asyncio.Event().wait()

    async def listen(self, device: str) -> PortAudioSource:
        """Open an input device, by its number or a part of its name."""
        source = PortAudioSource()
        await _opened(source, device)
        return source

    async def speak(self, device: str) -> PortAudioSink:
        """Open an output device, by its number or a part of its name."""
        sink = PortAudioSink()
        await _opened(sink, device)
        return sink


class PortAudioSource:
    """An input stream. PortAudio calls it from its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(KEPT_BLOCKS)
        self._stream: _Stream | None = None

    def open(self, device: str) -> None:
        """Open the device. This blocks for a moment. Raises MediaError."""
        self._stream = _open(
            "microphone",
            lambda: sounddevice.RawInputStream(
                samplerate=SAMPLE_RATE,
                blocksize=SAMPLES,
                channels=1,
                dtype="int16",
                latency="low",
                device=_named(device),
                callback=self._heard,
                finished_callback=self._finished,
            ),
        )

    async def read(self) -> bytes:
        """See SoundSource."""
        try:
            async with asyncio.timeout(STILL_SECONDS):
                block = await self._blocks.get()
        except TimeoutError:
            raise SoundGone from None
        if block is None:
            raise SoundGone
        return block

    async def close(self) -> None:
        """See SoundSource."""
        await _closed(self._close)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            _close(stream)

    def _heard(self, data: Any, frames: int, time: object, status: object) -> None:
        self._tell(bytes(data))

    def _finished(self) -> None:
        self._tell(None)

    def _tell(self, block: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, block)

    def _put(self, block: bytes | None) -> None:
        if self._blocks.full():
            self._blocks.get_nowait()
        self._blocks.put_nowait(block)


class PortAudioSink:
    """An output stream. A block that comes too late is replaced by silence."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._ended = False
        self._room = asyncio.Event()
        self._room.set()
        self._stream: _Stream | None = None

    def open(self, device: str) -> None:
        """Open the device. This blocks for a moment. Raises MediaError."""
        self._stream = _open(
            "speaker",
            lambda: sounddevice.RawOutputStream(
                samplerate=SAMPLE_RATE,
                blocksize=SAMPLES,
                channels=2,
                dtype="int16",
                latency="low",
                device=_named(device),
                callback=self._play,
                finished_callback=self._finished,
            ),
        )

    async def write(self, samples: bytes) -> None:
        """See SoundSink."""
        for at in range(0, len(samples), PLAYED_BYTES):
            while len(self._waiting) >= AHEAD_BLOCKS and not self._ended:
                await self._moves()
            if self._ended:
                raise SoundGone
            self._waiting.append(samples[at : at + PLAYED_BYTES].ljust(PLAYED_BYTES, b"\0"))

    async def _moves(self) -> None:
        """Wait until a block was played. Raises SoundGone."""
        self._room.clear()
        try:
            async with asyncio.timeout(STILL_SECONDS):
                await self._room.wait()
        except TimeoutError:
            raise SoundGone from None

    async def close(self, *, drain: bool = False) -> None:
        """See SoundSink."""
        with contextlib.suppress(SoundGone):
            while drain and self._waiting and not self._ended:
                await self._moves()
        await _closed(self._close)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            _close(stream)

    def _play(self, out: Any, frames: int, time: object, status: object) -> None:
        try:
            out[:] = self._waiting.popleft()
        except IndexError:
            out[:] = bytes(PLAYED_BYTES)
        self._tell()

    def _finished(self) -> None:
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._room.set)


async def _opened(stream: PortAudioSource | PortAudioSink, device: str) -> None:
    try:
        await thread.run(lambda: stream.open(device))
    except BaseException:
        await stream.close()
        raise


async def _closed(close: Callable[[], None]) -> None:
    """Close a stream. If its device hangs, it is closed once the device responds."""
    with contextlib.suppress(SoundHangs):
        await thread.run(close, even_late=True)


_open_streams: set[int] = set()
"The ids of the open streams. While there are any, PortAudio must not look for devices again."


def _found(kind: SoundKind, wanted: str) -> FoundDevices:
    if wanted and not _is_there(kind, wanted) and not _open_streams:
        sounddevice._terminate()
        sounddevice._initialize()
    return FoundDevices((wanted,) if wanted and _is_there(kind, wanted) else (), "" if _is_there(kind, "") else None)


def _is_there(kind: SoundKind, device: str) -> bool:
    try:
        sounddevice.query_devices(_named(device), "input" if kind == "microphone" else "output")
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def _named(device: str) -> int | str | None:
    return int(device) if device.isdecimal() else device or None


def _open(word: str, make: Callable[[], _Stream]) -> _Stream:
    try:
        stream = make()
        _open_streams.add(id(stream))
        try:
            stream.start()
        except BaseException:
            _close(stream)
            raise
    except (sounddevice.PortAudioError, ValueError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise MediaError(f"The {word} can't be opened: {said}.", _choices(word)) from error
    return stream


def _choices(word: str) -> str:
    """The hint that lists the devices of this kind."""
    try:
        found = list(sounddevice.query_devices())
    except (sounddevice.PortAudioError, ValueError):
        found = []
    return choices(word, [(str(each["name"]), int(each[_CHANNELS[word]])) for each in found])


_CHANNELS = {"microphone": "max_input_channels", "speaker": "max_output_channels"}


def choices(word: str, devices: Sequence[tuple[str, int]]) -> str:
    """The hint for a list of devices in PortAudio's order. Each has its name and its number of channels. Pure."""
    usable = [f"{number} ({name})" for number, (name, channels) in enumerate(devices) if channels > 0]
    if not usable:
        return f"PortAudio finds no {word}. Plug one in."
    more = ", …" if len(usable) > MOST_NAMED else ""
    there = f"There are: {', '.join(usable[:MOST_NAMED])}{more}."
    return f"{there} Set one's number as `{word}` under [devices] of copybara.toml."


def _close(stream: _Stream) -> None:
    stream.close()
    _open_streams.discard(id(stream))
