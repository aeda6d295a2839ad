"""From one person's voice to the other's ear, through the endpoint `devices`.

A sound server without hardware plays bursts of a tone into a microphone. What was said and what comes out of the other
side's speaker are recorded beside each other, to the sample. Needs PulseAudio's programs.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from peer.media.ending import end
from peer.media.endpoints.devices import LocalDevices
from peer.media.sound.microphone import Microphone
from peer.media.sound.pulse import Pulse
from peer.media.sound.types import HEARD_BYTES, SAMPLE_RATE, on_both_sides
from shared.config.schema import Devices
from shared.media import Media
from tests.peer.decoding_leg import DecodingLeg
from tests.peer.media.pulse_server import PulseServer, onset
from tests.peer.media.tone import sine
from tests.peer.pair import connected

NAME = "ear-to-ear"
ROUNDS = 4

GOAL = 200.0
"Milliseconds; ITU-T G.114 calls up to 150 good and up to 400 usable, and the overlay comes on top."

TONE = 997.0
LOUD = 2_000
BURST, PAUSE = 0.2, 0.5
BURSTS = 4
SETTLE = 2.0
"Seconds of call before the first burst: what came in a burst at the start has been made up for."


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    missing = [program for program in ("pulseaudio", "parec", "pacat", "pactl") if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else ""


def measure(rounds: int = ROUNDS) -> Figure:
    """Both ends in one process, so that the processor time of both counts."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as folder:
        server = PulseServer(Path(folder))
        with _environment(server.environment):
            async with server.running("there", "back"):
                ours, jitter_buffer, pipe = await interleaved_tasks(
                    rounds, lambda: _call(server), lambda: _call_with_aiortc(server), lambda: _pipe(server)
                )
    return Figure(
        NAME,
        "From voice to ear",
        (
            Row(
                "endpoint devices, PulseAudio",
                Samples.of(ours),
                "the same, received by aiortc",
                Samples.of(jitter_buffer),
                "ms",
                GOAL,
            ),
            Row("endpoint devices, PulseAudio", Samples.of(ours), "no call: parec into pacat", Samples.of(pipe), "ms"),
        ),
    )


async def _call(server: PulseServer) -> float:
    async with connected() as legs:
        speaking, hearing = _devices("there_microphone", "back_ear"), _devices("back_microphone", "there_ear")
        await speaking.attach(legs.caller, Media.AUDIO, legs.tasks)
        await hearing.attach(legs.callee, Media.AUDIO, legs.tasks)
        try:
            return await _delay(server)
        finally:
            await speaking.detach()
            await hearing.detach()


async def _call_with_aiortc(server: PulseServer) -> float:
    """The same microphone and speaker, with aiortc's receiver, its jitter buffer and its decoder between."""
    async with connected() as legs, AsyncExitStack() as stack:
        microphone = Microphone(Pulse(), "there_microphone")
        await microphone.open(legs.tasks)
        stack.push_async_callback(microphone.close)
        await stack.enter_async_context(_decoded_by_aiortc(legs.callee))
        await legs.caller.send(microphone.track())
        return await _delay(server)


@contextlib.asynccontextmanager
async def _decoded_by_aiortc(leg: DecodingLeg) -> AsyncIterator[None]:
    sink = await Pulse().speak("there_ear")
    track = await leg.receive("audio")

    async def play() -> None:
        resampler = AudioResampler("s16", "stereo", SAMPLE_RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                for stereo in resampler.resample(frame):
                    await sink.write(bytes(stereo.planes[0])[: stereo.samples * 4])

    task = asyncio.create_task(play())
    try:
        yield
    finally:
        await end(task)
        await leg.stop_receiving("audio")
        await sink.close()


async def _pipe(server: PulseServer) -> float:
    """What the sound server and its programs take by themselves."""
    source, sink = await Pulse().listen("there_microphone"), await Pulse().speak("there_ear")

    async def carry() -> None:
        while len(samples := await source.read()) == HEARD_BYTES:
            await sink.write(on_both_sides(samples))

    task = asyncio.create_task(carry())
    try:
        return await _delay(server)
    finally:
        await end(task)
        await source.close()
        await sink.close()


async def _delay(server: PulseServer) -> float:
    """The median over the bursts, in milliseconds."""
    burst = sine(TONE, round(BURST * SAMPLE_RATE)) + bytes(2 * round(PAUSE * SAMPLE_RATE))
    said = bytes(2 * round(SETTLE * SAMPLE_RATE)) + burst * BURSTS
    async with server.heard("there") as ears:
        saying = asyncio.create_task(server.say("there_voice", said))
        await ears.listen(len(said) / 2 / SAMPLE_RATE + 1.0)
        await saying
    spoken, arrived = _onsets(ears.said), _onsets(ears.heard)
    if len(spoken) != BURSTS or len(arrived) != BURSTS:
        raise RuntimeError(f"Of {BURSTS} bursts {len(spoken)} were said and {len(arrived)} were heard.")
    delays = [(there - here) * 1000 / SAMPLE_RATE for here, there in zip(spoken, arrived, strict=True)]
    return statistics.median(delays)


def _onsets(samples: array.array[int]) -> list[int]:
    """Where each burst begins."""
    found, at = [], 0
    with contextlib.suppress(StopIteration):
        while True:
            found.append(at + onset(samples[at:], LOUD))
            at = found[-1] + round((BURST + PAUSE / 2) * SAMPLE_RATE)
    return found


def _devices(microphone: str, speaker: str) -> LocalDevices:
    return LocalDevices(Devices(sound="pulse", microphone=microphone, speaker=speaker, camera="none"))


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
