"""`copybara setup sound`: people hear themselves in a terminal, through real sound servers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from peer.media.sound.try_out import BAR, bar, peak
from tests.bot.console import cli
from tests.peer.media.pulse_server import PulseServer, frequency, need_pulseaudio
from tests.peer.media.tone import SAMPLE_RATE, sine

TONE = 997.0
CLEAR = 2_000

CONFIG = (
    'overlay = "loopback"\n[devices]\nsound = "pulse"\nmicrophone = "there_microphone"\nspeaker = "back_ear"\n'
    'camera = "none"\n'
)


def made(home: Path, config: str = CONFIG) -> Path:
    home.mkdir(mode=0o700)
    (home / "copybara.toml").write_text(config)
    return home


async def test_what_is_said_comes_back_from_the_speaker(tmp_path: Path) -> None:
    need_pulseaudio()
    sound = PulseServer(await asyncio.to_thread(made, tmp_path / "sound", ""))
    home = await asyncio.to_thread(made, tmp_path / "anna")
    server = {name: sound.environment[name] for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH")}
    async with sound.running("there", "back"), sound.heard("back") as ears:
        saying = asyncio.create_task(sound.say("there_voice", sine(TONE, 60 * SAMPLE_RATE)))
        trying = asyncio.create_task(cli("--home", str(home), "setup", "sound", environment=server))
        try:
            # First the two notes, then the recorded voice.
            await ears.until_heard(CLEAR)
            async with asyncio.timeout(60):
                while abs(frequency(ears.heard[-SAMPLE_RATE // 10 :]) - TONE) > 2:
                    await ears.listen(0.1)
            code, out, err = await trying
        finally:
            for task in (saying, trying):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saying
    assert (code, err) == (0, "")
    assert "speaker    played two notes" in out
    assert "microphone heard you" in out
    # It only tries, and writes nothing.
    assert await asyncio.to_thread((home / "copybara.toml").read_text) == CONFIG
    assert "Wrote" not in out


async def test_a_computer_without_sound_and_camera_is_told_so_and_nothing_fails(tmp_path: Path) -> None:
    nowhere = {"PULSE_SERVER": f"unix:{tmp_path}/nobody"}
    config = '[devices]\nsound = "pulse"\ncamera = "/dev/no-such-camera"\n'
    home = await asyncio.to_thread(made, tmp_path / "anna", config)
    code, out, err = await cli("--home", str(home), "setup", "sound", environment=nowhere)
    assert (code, err) == (0, "")
    assert "sound      There is no sound system to talk through." in out
    assert "camera     " in out
    assert "then Test call." in out


def test_a_level_is_seen_from_silence_to_the_loudest() -> None:
    assert (peak(b""), peak(bytes(4)), peak(b"\x00\x80")) == (0.0, 0.0, 1.0)
    assert (bar(0.0), len(bar(1.0)), len(bar(7.0))) == ("", BAR, BAR)
    assert 0 < len(bar(0.02)) < len(bar(0.2))
