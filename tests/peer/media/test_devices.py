"""Real sound: a server, microphones, speakers, and a call between them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import gc
import logging
import math
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from av import AudioFrame

from peer.media.devices.choice import FoundDevices
from peer.media.ending import end_process
from peer.media.endpoints.answer_chime import CHIME, Announced
from peer.media.endpoints.devices import LocalDevices
from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.sound.microphone import Microphone
from peer.media.sound.pulse import Pulse
from peer.media.sound.speaker import CONCEALED_BLOCKS, Sound, Speaker
from peer.media.sound.system import open_sound
from peer.media.sound.types import SoundGone
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.media import Media
from tests.noticed import noticed
from tests.peer.media.pulse_server import (
    SILENT,
    PulseServer,
    frequency,
    loudness,
)
from tests.peer.media.tone import SAMPLE_RATE, SineTrack, left_channel, opus_packets, sine
from tests.peer.pair import PATIENCE, connected

pytestmark = pytest.mark.slow

TONE = 997.0

CLEAR = 2_000
"A level far from silence. A tone of these tests has a peak of 8,000."


@pytest.fixture
async def sound(server: PulseServer) -> AsyncIterator[PulseServer]:
    """The running server. What Anna says is heard in the air `there`, and what Ben says in `back`."""
    async with server.running("there", "back"):
        yield server


def of_anna(**settings: str) -> LocalDevices:
    return LocalDevices(devices(microphone="there_microphone", speaker="back_ear", **settings))


def of_ben(**settings: str) -> LocalDevices:
    return LocalDevices(devices(microphone="back_microphone", speaker="there_ear", **settings))


def devices(*, microphone: str = "", speaker: str = "", sound: str = "pulse", camera: str = "none") -> Devices:
    return Devices(sound=sound, microphone=microphone, speaker=speaker, camera=camera)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def background(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Repeat some work during the block."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_one_says_the_other_hears_both_ways(sound: PulseServer) -> None:
    anna, ben = of_anna(), of_ben()
    async with connected() as legs:
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        for air in ("there", "back"):
            speech = background(partial(sound.say, f"{air}_voice", sine(TONE, 12 * SAMPLE_RATE)))
            async with sound.heard(air) as ears, speech, asyncio.timeout(PATIENCE):
                await ears.until_heard(CLEAR)
                await ears.listen(2.0)
                # On a busy machine a block may be late. But there has to be a second in which few are late.
                while broken(lately(ears.heard)) > 0.25:
                    await ears.listen(0.2)
            spoken, arrived = lately(ears.said), lately(ears.heard)
            assert median(map(frequency, spoken)) == pytest.approx(TONE, abs=0.1)
            assert median(map(frequency, arrived)) == pytest.approx(TONE, abs=1)
            assert abs(20 * math.log10(median(map(loudness, arrived)) / median(map(loudness, spoken)))) < 3
        await anna.detach()
        await ben.detach()


async def test_who_chooses_the_devices_that_cancel_the_echo_sends_none_back(sound: PulseServer) -> None:
    room = await sound.room()
    loud = await back_from_the_room(sound, room.air, room.microphone, room.speaker)
    left = await back_from_the_room(sound, room.air, room.cancelling_microphone, room.cancelling_speaker)
    weakened = [20 * math.log10(before / max(after, 1)) for before, after in zip(loud, left, strict=True)]
    assert loud[0] > CLEAR
    assert weakened[0] > 20
    # What is said in the room isn't an echo.
    assert abs(weakened[1]) < 6


async def back_from_the_room(sound: PulseServer, air: str, microphone: str, speaker: str) -> tuple[float, float]:
    """How loud two tones from a room with these devices reach Anna: her own, and one that is played in the room."""
    anna = LocalDevices(devices(microphone="there_microphone", speaker="there_ear"))
    ben = LocalDevices(devices(microphone=microphone, speaker=speaker))
    levels = []
    async with connected() as legs:
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        for sink in ("there_voice", air):
            speech = background(partial(sound.say, sink, sine(TONE, 6 * SAMPLE_RATE)))
            async with sound.heard("there") as ears, speech:
                # An echo canceller needs a moment to learn the room.
                await ears.listen(2.5)
                levels.append(median(map(loudness, tenths(ears.heard[-SAMPLE_RATE:]))))
            async with sound.heard("there") as ears:
                await ears.until_silent()
        await anna.detach()
        await ben.detach()
    return levels[0], levels[1]


def lately(samples: array.array[int]) -> list[array.array[int]]:
    """The last second, in tenths."""
    return tenths(samples[-round(1.2 * SAMPLE_RATE) :])


def broken(stretches: list[array.array[int]]) -> float:
    """The share of stretches that aren't the tone, 0 to 1."""
    return sum(frequency(each) != pytest.approx(TONE, abs=1) for each in stretches) / len(stretches)


def tenths(samples: array.array[int]) -> list[array.array[int]]:
    """Stretches of a tenth of a second, without the first."""
    step = SAMPLE_RATE // 10
    return [samples[at : at + step] for at in range(step, len(samples) - step, step)]


async def test_detached_devices_leave_nothing_running(sound: PulseServer) -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        anna = of_anna()
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await sound.until_streams("sink-inputs", "source-outputs")
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await anna.detach()
        await anna.detach()
        assert asyncio.all_tasks() <= before
        await sound.until_no_streams()


async def test_a_speaker_that_ends_with_sound_left_to_play_leaves_no_error_behind(sound: PulseServer) -> None:
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    speaker = await Pulse().speak("there_ear")
    writing = asyncio.create_task(speaker.write(bytes(2**20)))
    await asyncio.sleep(0)  # writing has begun, and the pipe is full
    await speaker.close()
    await asyncio.wait([writing])
    assert isinstance(writing.exception(), SoundGone)
    del speaker, writing
    gc.collect()
    assert reported == []


class Going:
    """A sound system whose devices end as soon as they are used. Closing a device waits for `may_close`."""

    def __init__(self) -> None:
        self.closing, self.may_close = asyncio.Event(), asyncio.Event()
        self.closed = 0

    async def devices(self, kind: str, wanted: str) -> FoundDevices:
        return FoundDevices(("one",), "one")

    async def changes(self) -> AsyncGenerator[None, None]:
        yield

    async def listen(self, device: str) -> Going:
        return self

    async def speak(self, device: str) -> Going:
        return self

    async def read(self) -> bytes:
        raise SoundGone

    async def write(self, samples: bytes) -> None:
        raise SoundGone

    async def close(self, *, drain: bool = False) -> None:
        self.closing.set()
        await self.may_close.wait()
        self.closed += 1


async def closed_while_it_goes(system: Going, device: Microphone | Speaker) -> None:
    await system.closing.wait()
    closing = asyncio.create_task(device.close())
    await asyncio.sleep(0)  # closing has begun
    system.may_close.set()
    await closing
    assert system.closed == 1


async def test_a_microphone_that_goes_while_it_is_closed_is_let_go_of_to_the_end() -> None:
    async with asyncio.TaskGroup() as tasks:
        system = Going()
        microphone = Microphone(system, "")
        await microphone.open(tasks)
        await closed_while_it_goes(system, microphone)


async def test_a_speaker_that_goes_while_it_is_closed_is_let_go_of_to_the_end() -> None:
    async with asyncio.TaskGroup() as tasks:
        system = Going()
        speaker = Speaker(system, "")
        await speaker.open(tasks)
        async with connected() as legs:
            await legs.caller.send(SineTrack(TONE))
            await speaker.attach(legs.callee, tasks)
            await system.closing.wait()
            await speaker.detach()
        await closed_while_it_goes(system, speaker)


async def test_a_call_without_sound_leaves_the_microphone_alone(sound: PulseServer) -> None:
    async with connected() as legs:
        anna = of_anna()
        await anna.attach(legs.caller, Media.BOTH, legs.tasks)
        await anna.attach(legs.caller, Media.VIDEO, legs.tasks)
        await sound.until_no_streams()
        await anna.detach()


async def test_the_next_leg_of_a_call_goes_on_with_the_same_devices(sound: PulseServer) -> None:
    async with asyncio.TaskGroup() as tasks:
        anna, ben = of_anna(), of_ben()
        async with (
            sound.heard("there") as ears,
            background(lambda: sound.say("there_voice", sine(TONE, 8 * SAMPLE_RATE))),
        ):
            for _ in range(2):
                async with connected() as legs:
                    await anna.attach(legs.caller, Media.AUDIO, tasks)
                    await ben.attach(legs.callee, Media.AUDIO, tasks)
                    await ears.until_heard(CLEAR)
                await ears.until_silent()
        await anna.detach()
        await ben.detach()


async def test_a_sound_server_that_is_started_again_is_used_again(
    server: PulseServer, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = of_anna(), of_ben()
    async with connected() as legs:
        for number in range(2):
            async with server.running("there", "back"):
                if not number:
                    await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
                    await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
                else:
                    await logged(caplog, "Your microphone there_microphone is back.")
                speech = background(lambda: server.say("there_voice", sine(TONE, 10 * SAMPLE_RATE)))
                async with server.heard("there") as ears, speech:
                    await ears.until_heard(CLEAR)
            if not number:
                # A server that restarts before anybody has looked doesn't count as gone.
                await logged(caplog, "Your microphone there_microphone is gone. They can't hear you.")
        assert legs.caller.connected
        await anna.detach()
        await ben.detach()
    assert " has ended: there_microphone" in caplog.text


async def test_a_sound_server_that_hangs_in_a_call_is_told_and_used_again_once_it_answers(
    sound: PulseServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected() as legs:
        ben = of_ben()
        await legs.caller.send(SineTrack(TONE))
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        with sound.hanging():
            await logged(caplog, "Your microphone back_microphone is gone. They can't hear you.")
            await logged(caplog, "Your speaker there_ear is gone.")
        for device in ("microphone back_microphone", "speaker there_ear"):
            await logged(caplog, f"Your {device} is back.")
        async with sound.heard("there") as ears:
            await ears.until_heard(CLEAR)
        await ben.detach()


async def test_who_hangs_up_while_the_sound_server_hangs_waits_for_nothing(sound: PulseServer) -> None:
    async with connected() as legs:
        anna = of_anna()
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        with sound.hanging():
            async with asyncio.timeout(PATIENCE):
                await anna.detach()


@pytest.mark.parametrize("wanted", ["auto", "pulse", "portaudio"])
async def test_a_sound_server_that_hangs_holds_up_nothing_else(sound: PulseServer, wanted: str) -> None:
    with sound.hanging():
        command = (sys.executable, "-m", "tests.peer.media.open_sound", wanted)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(PATIENCE):
                said, _ = await process.communicate()
        finally:
            await end_process(process)
    assert process.returncode == 0
    standstill, sentence = said.decode().split(maxsplit=1)
    assert float(standstill) < 1
    # ALSA leads to the sound server only if ALSA's plug-in for it is installed.
    assert wanted == "portaudio" or sentence.strip() == "The sound server doesn't answer."


async def logged(caplog: pytest.LogCaptureFixture, sentence: str) -> None:
    """Wait until this sentence was logged, before or now."""
    async with asyncio.timeout(3 * PATIENCE):
        with noticed(logging.getLogger(), sentence) as seen:
            if sentence not in caplog.text:
                await seen.wait()


async def test_without_a_sound_system_there_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    with pytest.raises(MediaError, match="There is no sound system") as raised:
        await open_sound(devices())
    assert "pulseaudio-utils" in raised.value.hint


async def test_a_call_that_was_answered_by_itself_begins_with_a_chime_on_both_sides(sound: PulseServer) -> None:
    anna = of_anna()
    ben = Announced(of_ben(), devices(speaker="there_ear"))
    async with connected() as legs, sound.heard("there") as at_bens, sound.heard("back") as at_annas:
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        for ears in (at_bens, at_annas):
            await ears.hears_once(*(hertz for hertz, _ in CHIME))
        await ben.detach()
        await anna.detach()


async def test_where_a_page_gives_the_notice_the_speaker_is_silent(sound: PulseServer) -> None:
    given: list[bool] = []

    def plays_the_chime() -> bool:
        given.append(True)
        return True

    anna, ben = of_anna(), Announced(of_ben(), devices(speaker="there_ear"), plays_the_chime)
    async with connected() as legs, sound.heard("there") as at_bens, sound.heard("back") as at_annas:
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        await at_annas.hears_once(*(hertz for hertz, _ in CHIME))
        await at_bens.listen(0.5)
        assert loudness(at_bens.heard) < SILENT
        # The same call on another leg makes no message.
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        assert given == [True]
        await ben.detach()
        await anna.detach()


async def test_an_endpoint_that_says_nothing_is_announced_all_the_same(sound: PulseServer) -> None:
    anna, ben = of_anna(), Announced(NoMedia(), devices(speaker="there_ear"))
    async with connected() as legs, sound.heard("back") as ears:
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        await ears.until_heard(CLEAR)
        await ears.until_silent()
        await ben.detach()
        await anna.detach()


async def test_where_no_sound_system_is_the_other_side_still_hears_the_chime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    async with connected() as legs:
        heard = await legs.caller.receive("audio")
        unheard = asyncio.Event()
        ben = Announced(Pattern(), devices(), unheard=unheard.set)
        assert ben.name == "pattern"
        await ben.attach(legs.callee, Media.AUDIO, legs.tasks)
        frames = [await heard.recv() for _ in range(60)]
        await unheard.wait()
        await ben.detach()
    samples = [sample for frame in frames if isinstance(frame, AudioFrame) for sample in left_channel(frame)]
    assert note(samples, 0.05) == pytest.approx(CHIME[0][0], abs=5)
    assert note(samples, 0.25) == pytest.approx(CHIME[1][0], abs=5)
    assert note(samples, 0.9) == pytest.approx(440, abs=5)


def note(samples: list[float], at: float) -> float:
    """The frequency of the 0.1 seconds after `at`."""
    begin = round(at * SAMPLE_RATE)
    return frequency(array.array("h", (round(sample) for sample in samples[begin : begin + 4_800])))


def test_lost_packets_are_concealed_and_the_rest_stays_in_time() -> None:
    sound = Sound()
    frames = [
        EncodedFrame("audio", data, number * 960, number * 0.02) for number, data in enumerate(opus_packets(TONE, 60))
    ]
    for frame in frames[:20]:
        assert [len(samples) for samples in sound.add(frame)] == [960 * 4]
    assert [len(samples) for samples in sound.add(frames[22])] == [960 * 4] * 3
    softer, softest, _ = (peak(samples) for samples in sound.add(frames[25]))
    assert 0 < softest < softer < 8_000
    assert len(list(sound.add(frames[50]))) == CONCEALED_BLOCKS + 1
    assert list(sound.add(EncodedFrame("audio", b"", 51 * 960, 1.0))) == []


def peak(samples: bytes) -> int:
    return max(map(abs, array.array("h", samples)))
