"""Two programs whose owners talk through microphones and speakers, with a sound server between and around them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import importlib.util
import math
import signal
from collections.abc import AsyncIterator
from ctypes.util import find_library
from pathlib import Path
from statistics import median

import pytest

from bot.kinds import Kind
from peer.media.endpoints.answer_chime import CHIME
from tests.bot.console import Person, connect, hang_up, people
from tests.peer.media.pulse_server import SILENT, Ears, PulseServer, frequency, loudness, need_pulseaudio, onset
from tests.peer.media.tone import SAMPLE_RATE, sine

TONE = 997.0
CLEAR = 2_000


@pytest.fixture
async def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseServer]:
    """A running sound server that the programs find. Anna's voice is in `there`, Bob's in `back`."""
    need_pulseaudio()
    server = PulseServer(tmp_path / "sound")
    (tmp_path / "sound").mkdir()
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, server.environment[name])
    async with server.running("there", "back"):
        yield server


def talks(microphone: str, speaker: str, system: str = "pulse") -> str:
    """The configuration of a person who talks through these devices."""
    return (
        '[answer]\nendpoint = "devices"\n'
        f'[devices]\nsound = "{system}"\nmicrophone = "{microphone}"\nspeaker = "{speaker}"\ncamera = "none"\n'
    )


CONFIGS = {"anna": talks("there_microphone", "back_ear"), "bob": talks("back_microphone", "there_ear")}


@contextlib.asynccontextmanager
async def speech(sound: PulseServer, air: str, seconds: int = 6) -> AsyncIterator[Ears]:
    """One person plays a tone, and another listens."""
    async with sound.heard(air) as ears:
        saying = asyncio.create_task(sound.say(f"{air}_voice", sine(TONE, seconds * SAMPLE_RATE)))
        try:
            yield ears
        finally:
            saying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saying


async def is_heard(sound: PulseServer, air: str) -> None:
    """Check that sound from one microphone comes from the other speaker: same tone, same level.

    How soon it comes is measured in benchmarks/ear_to_ear.py.
    """
    async with speech(sound, air) as ears:
        await ears.until_heard(CLEAR)
        await ears.listen(2.0)
    said, heard = onset(ears.said, CLEAR), onset(ears.heard, CLEAR)
    spoken, arrived = tenths(ears.said[said:]), tenths(ears.heard[heard:])
    assert median(map(frequency, arrived)) == pytest.approx(TONE, abs=1)
    assert abs(20 * math.log10(median(map(loudness, arrived)) / median(map(loudness, spoken)))) < 3


def tenths(samples: array.array[int]) -> list[array.array[int]]:
    """Pieces of a tenth of a second, without the first."""
    step = SAMPLE_RATE // 10
    return [samples[at : at + step] for at in range(step, len(samples) - step, step)]


async def until_talking(*both: Person) -> None:
    """Wait until sound has arrived on both sides."""
    await asyncio.gather(*(person.media(("audio",)) for person in both))


async def test_what_is_said_into_one_microphone_comes_out_of_the_other_speaker(
    friends: Path, tmp_path: Path, sound: PulseServer
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs=CONFIGS) as (anna, bob):
        await connect(anna, bob, "audio")
        await until_talking(anna, bob)
        for air in ("there", "back"):
            await is_heard(sound, air)
        await hang_up(anna, bob)
        assert "the endpoint devices, through Pulse" in (await bob.cli("doctor"))[1]
        # The microphones are on only during a call.
        await sound.until_no_streams()


async def chime_once(*places: Ears) -> None:
    """Check that the notes of an automatic answer are heard at each of these places, once and completely."""
    for ears in places:
        await ears.hears_once(*(hertz for hertz, _ in CHIME))


async def test_an_automatic_answer_is_heard_on_both_sides_and_seen(
    friends: Path, tmp_path: Path, sound: PulseServer
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs=CONFIGS) as (anna, bob):
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        async with sound.heard("there") as at_bobs, sound.heard("back") as at_annas:
            anna.write("/call bob audio")
            assert "as you chose" in await bob.told(kind=Kind.ANSWERED_AUTOMATICALLY)
            await chime_once(at_bobs, at_annas)
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        await hang_up(anna, bob)


async def test_an_answer_by_hand_makes_no_noise(friends: Path, tmp_path: Path, sound: PulseServer) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs=CONFIGS) as (anna, bob):
        async with sound.heard("there") as at_bobs:
            await connect(anna, bob, "audio")
            await until_talking(anna, bob)
            await at_bobs.listen(1.0)
        assert loudness(at_bobs.heard) < SILENT
        await hang_up(anna, bob)


async def test_after_a_restart_the_microphone_waits_for_the_word_of_who_had_answered_by_hand(
    friends: Path, tmp_path: Path, sound: PulseServer
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs=CONFIGS) as (anna, bob):
        await connect(anna, bob, "audio")
        await until_talking(anna, bob)
        assert await bob.signalled(signal.SIGKILL) == -signal.SIGKILL
        async with sound.heard("there") as at_bobs, sound.heard("back") as at_annas:
            await bob.begin()
            assert "/answer" in await bob.told("anna", kind=Kind.CONNECTED)
            await chime_once(at_bobs, at_annas)
        async with speech(sound, "back", 2) as ears:
            await ears.listen(1.0)
        assert loudness(ears.heard) < SILENT
        assert "/answer" not in await bob.asked("/answer", kind=Kind.CONNECTED)
        await is_heard(sound, "back")
        await is_heard(sound, "there")
        await bob.asked("/answer", kind=Kind.ANSWERED_BEFORE)
        await hang_up(anna, bob)
        await sound.until_no_streams()


async def test_after_a_restart_a_call_of_somebody_trusted_goes_on_with_the_microphone_and_a_chime(
    friends: Path, tmp_path: Path, sound: PulseServer
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs=CONFIGS) as (anna, bob):
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        async with sound.heard("there") as at_bobs, sound.heard("back") as at_annas:
            anna.write("/call bob audio")
            await until_talking(anna, bob)
            for ears in (at_bobs, at_annas):
                await ears.until_notes(*(hertz for hertz, _ in CHIME))
        assert await bob.signalled(signal.SIGKILL) == -signal.SIGKILL
        async with sound.heard("there") as at_bobs, sound.heard("back") as at_annas:
            await bob.begin()
            assert "/answer" not in await bob.told("anna", kind=Kind.CONNECTED)
            await chime_once(at_bobs, at_annas)
        await is_heard(sound, "back")
        await hang_up(anna, bob)


async def test_portaudio_is_used_where_it_is_wanted(
    friends: Path,
    tmp_path: Path,
    sound: PulseServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if importlib.util.find_spec("sounddevice") is None or not find_library("portaudio"):
        pytest.skip("needs sounddevice and Debian's libportaudio2")
    # PortAudio knows ALSA's devices, and ALSA is configured to use the sound server.
    devices = [f"{air}_{what}" for air in ("there", "back") for what in ("microphone", "ear")]
    alsa = tmp_path / "asound.conf"
    alsa.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        + "".join(
            f'pcm.{name} {{ type pulse device "{name}" hint {{ show on description "{name}" }} }}\n' for name in devices
        )
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(alsa))
    configs = {**CONFIGS, "bob": talks("back_microphone", "there_ear", "portaudio")}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await connect(anna, bob, "audio")
        await until_talking(anna, bob)
        for air in ("there", "back"):
            await is_heard(sound, air)
        await hang_up(anna, bob)


async def test_without_a_sound_system_the_owner_is_told_what_to_install(friends: Path, tmp_path: Path) -> None:
    configs = {"bob": talks("", "")}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        anna.write("/call bob audio")
        await bob.told("anna", kind=Kind.RINGS)
        bob.write("/answer")
        assert "There is no sound system to talk through" in await bob.told(kind=Kind.ENDED)
        assert (await bob.call("ended"))["reason"] == "failed"
        await anna.call("ended")
