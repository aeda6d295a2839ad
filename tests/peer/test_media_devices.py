"""Real sound: a server, microphones, speakers, and a call between them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median

import pytest
from av import AudioFrame

from peer.media.devices import LocalDevices
from peer.media.none import NoMedia
from peer.media.notice import CHIME, Announced
from peer.media.pattern import Pattern
from peer.media.reception import EncodedFrame
from peer.media.sound import open_sound
from peer.media.sound_out import CONCEALED_BLOCKS, Sound
from shared.config import Devices
from shared.errors import MediaError
from shared.media import Media
from tests.peer.pair import connected
from tests.peer.pulse_server import PulseServer, frequency, loudness, need_pulseaudio, notes, onset
from tests.peer.tone import SAMPLE_RATE, left_channel, opus_packets, sine

TONE = 997.0

CLEAR = 2_000
"Far from silence; a tone of these tests has a peak of 8,000."

MAX_DELAY_MS = 300.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PulseServer:
    """A server that this process's own calls go to. To be started."""
    need_pulseaudio()
    server = PulseServer(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
async def sound(server: PulseServer) -> AsyncIterator[PulseServer]:
    """The server, running. What Anna says is heard in the air `there`, what Ben says in `back`."""
    async with server.running("there", "back"):
        yield server


def of_anna(**settings: str) -> LocalDevices:
    return LocalDevices(devices(microphone="there_microphone", speaker="back_ear", **settings))


def of_ben(**settings: str) -> LocalDevices:
    return LocalDevices(devices(microphone="back_microphone", speaker="there_ear", **settings))


def devices(*, microphone: str = "", speaker: str = "", sound: str = "pulse", camera: str = "none") -> Devices:
    return Devices(sound=sound, microphone=microphone, speaker=speaker, camera=camera)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def background(work: Callable[[], object]) -> AsyncIterator[None]:
    """Do something for the length of the block."""
    task = asyncio.ensure_future(work())  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_one_says_the_other_hears_both_ways(
    sound: PulseServer, record_testsuite_property: Callable[[str, object], None]
) -> None:
    anna, ben = of_anna(), of_ben()
    async with connected() as legs:
        await anna.attach(legs.caller, Media.AUDIO)
        await ben.attach(legs.callee, Media.AUDIO)
        for air in ("there", "back"):
            speech = background(lambda air=air: sound.say(f"{air}_voice", sine(TONE, 4 * SAMPLE_RATE)))
            async with sound.heard(air) as ears, speech:
                await ears.until_heard(CLEAR)
                await ears.listen(2.0)
            said, heard = onset(ears.said, CLEAR), onset(ears.heard, CLEAR)
            delay = (heard - said) * 1000 / SAMPLE_RATE
            record_testsuite_property(f"ear-to-ear delay {air}, ms", round(delay))
            assert 0 < delay < MAX_DELAY_MS
            spoken, arrived = tenths(ears.said[said:]), tenths(ears.heard[heard:])
            assert median(map(frequency, spoken)) == pytest.approx(TONE, abs=0.1)
            assert median(map(frequency, arrived)) == pytest.approx(TONE, abs=1)
            assert abs(20 * math.log10(median(map(loudness, arrived)) / median(map(loudness, spoken)))) < 3
            # On a busy machine a block may come too late; it must not be many.
            broken = [each for each in arrived if frequency(each) != pytest.approx(TONE, abs=1)]
            assert len(broken) <= len(arrived) / 4
        await anna.detach()
        await ben.detach()


def tenths(samples: array.array[int]) -> list[array.array[int]]:
    """Stretches of a tenth of a second, but for the first."""
    step = SAMPLE_RATE // 10
    return [samples[at : at + step] for at in range(step, len(samples) - step, step)]


async def test_detached_devices_leave_nothing_running(sound: PulseServer) -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        anna = of_anna()
        await anna.attach(legs.caller, Media.AUDIO)
        assert await sound.streams() == ["sink-inputs", "source-outputs"]
        await anna.attach(legs.caller, Media.AUDIO)
        await anna.detach()
        await anna.detach()
        assert asyncio.all_tasks() <= before
        await sound.until_no_streams()


async def test_a_call_without_sound_leaves_the_microphone_alone(sound: PulseServer) -> None:
    async with connected() as legs:
        anna = of_anna()
        await anna.attach(legs.caller, Media.BOTH)
        await anna.attach(legs.caller, Media.VIDEO)
        await sound.until_no_streams()
        await anna.detach()


async def test_the_next_leg_of_a_call_goes_on_with_the_same_devices(sound: PulseServer) -> None:
    anna, ben = of_anna(), of_ben()
    async with sound.heard("there") as ears, background(lambda: sound.say("there_voice", sine(TONE, 8 * SAMPLE_RATE))):
        for _ in range(2):
            async with connected() as legs:
                await anna.attach(legs.caller, Media.AUDIO)
                await ben.attach(legs.callee, Media.AUDIO)
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
                    await anna.attach(legs.caller, Media.AUDIO)
                    await ben.attach(legs.callee, Media.AUDIO)
                speech = background(lambda: server.say("there_voice", sine(TONE, 10 * SAMPLE_RATE)))
                async with server.heard("there") as ears, speech:
                    await ears.until_heard(CLEAR)
        assert legs.caller.connected
        await anna.detach()
        await ben.detach()
    assert "the microphone has gone" in caplog.text


async def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(sound: PulseServer) -> None:
    async with connected() as legs:
        for anna in (
            LocalDevices(devices(microphone="nose")),
            LocalDevices(devices(microphone="there_microphone", speaker="nose")),
        ):
            with pytest.raises(MediaError, match=r"There is no (microphone|speaker) 'nose'") as raised:
                await anna.attach(legs.caller, Media.AUDIO)
            assert "there" in raised.value.hint
            await anna.detach()
        await sound.until_no_streams()


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
        await anna.attach(legs.caller, Media.AUDIO)
        await ben.attach(legs.callee, Media.AUDIO)
        for ears in (at_bens, at_annas):
            await ears.until_heard(CLEAR)
            await ears.until_silent(0.6)
            assert notes(ears.heard, *{hertz for hertz, _ in CHIME}) == [hertz for hertz, _ in CHIME]
        await ben.detach()
        await anna.detach()


async def test_an_endpoint_that_says_nothing_is_announced_all_the_same(sound: PulseServer) -> None:
    anna, ben = of_anna(), Announced(NoMedia(), devices(speaker="there_ear"))
    async with connected() as legs, sound.heard("back") as ears:
        await anna.attach(legs.caller, Media.AUDIO)
        await ben.attach(legs.callee, Media.AUDIO)
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
        ben = Announced(Pattern(), devices())
        assert ben.name == "pattern"
        await ben.attach(legs.callee, Media.AUDIO)
        frames = [await heard.recv() for _ in range(60)]
        await ben.detach()
    samples = [sample for frame in frames if isinstance(frame, AudioFrame) for sample in left_channel(frame)]
    assert note(samples, 0.05) == pytest.approx(CHIME[0][0], abs=5)
    assert note(samples, 0.25) == pytest.approx(CHIME[1][0], abs=5)
    assert note(samples, 0.9) == pytest.approx(440, abs=5)


def note(samples: list[float], at: float) -> float:
    """The frequency of 0.1 seconds from there on."""
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
