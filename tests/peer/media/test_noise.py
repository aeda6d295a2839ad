"""Noise that is removed from a microphone's sound, and what remains of the voice."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable

import pytest

from peer.media.endpoints.devices import LocalDevices
from peer.media.sound.noise import Untouched, WebRtcSuppressor, suppressor
from peer.media.sound.types import HEARD_BYTES, SAMPLES
from peer.media.trouble import MediaTrouble
from shared.config.schema import Devices, NoiseSuppression
from shared.errors import MediaError
from shared.media import Media
from tests.peer.media import noisy_speech
from tests.peer.media.pulse_server import PulseServer
from tests.peer.media.tone import SAMPLE_RATE
from tests.peer.pair import connected


@pytest.mark.parametrize("noise", [noisy_speech.fan, noisy_speech.hiss])
def test_noise_is_weakened_a_lot_and_a_voice_little(noise: Callable[[int, int], list[float]]) -> None:
    if not noisy_speech.there():
        pytest.skip(f"needs recorded speech (Debian: {noisy_speech.PACKAGE})")
    voice = noisy_speech.speech()
    mixed = noisy_speech.beside(voice, noise(len(voice), 1), below=15)
    left = noisy_speech.left(voice, mixed, suppressor("high").process, HEARD_BYTES)
    assert left.noise > 12
    assert -1 < left.voice < 3


@pytest.mark.parametrize("level", ["low", "highest"])
def test_each_block_gives_a_block_a_few_milliseconds_later(level: NoiseSuppression) -> None:
    suppress = suppressor(level)
    assert isinstance(suppress, WebRtcSuppressor)
    click = bytes(HEARD_BYTES // 2) + (20_000).to_bytes(2, "little", signed=True) * 480
    blocks = [suppress.process(click if number == 10 else bytes(HEARD_BYTES)) for number in range(50)]
    assert {len(block) for block in blocks} == {HEARD_BYTES}
    samples = array.array("h", b"".join(blocks))
    heard = next(at for at, sample in enumerate(samples) if abs(sample) > 500)
    said = round(10.5 * SAMPLES)
    assert 0 <= heard - said < 0.03 * SAMPLE_RATE


def test_switched_off_nothing_is_changed() -> None:
    assert suppressor("off").process(b"\1\2" * 960) == b"\1\2" * 960


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Python find no such module, as if the library weren't installed."""
    monkeypatch.setitem(sys.modules, "webrtc_noise_gain", None)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_library(monkeypatch)
    with pytest.raises(MediaError, match="isn't installed") as raised:
        suppressor("low")
    assert "webrtc-noise-gain" in raised.value.hint
    assert isinstance(suppressor("off"), Untouched)


async def test_without_the_library_a_call_has_the_microphone_as_it_is(
    server: PulseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_library(monkeypatch)
    said: list[MediaTrouble] = []
    async with server.running("there"), connected() as legs:
        settings = Devices(sound="pulse", microphone="there_microphone", speaker="there_ear", noise_suppression="high")
        anna = LocalDevices(settings, tell=said.append)
        await anna.attach(legs.caller, Media.AUDIO, legs.tasks)
        assert said[0].sentence.endswith("isn't installed. Your microphone is used as it is.")
        await server.until_streams("sink-inputs", "source-outputs")
        await anna.detach()
