"""The ring tone comes from its configured speaker and no other, in a real sound server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.desktop.ring_tone import RING, RingTone
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import Changed, Rings
from shared.call.table import State
from shared.config.schema import SYSTEMS_SPEAKER, Devices
from shared.reasons import Reason
from tests.bot.desktop.session import SECONDS
from tests.bot.desktop.test_call_notices import line
from tests.peer.media.pulse_server import SILENT, PulseServer, loudness, need_pulseaudio, notes

LOUD = 1500.0

NOTES = {hertz for hertz, _ in RING if hertz}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PulseServer:
    need_pulseaudio()
    server = PulseServer(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@contextlib.asynccontextmanager
async def ringing(speaker: str, lines: list[Line] | None = None) -> AsyncIterator[RingTone]:
    """A program that rings on that speaker, and soon tries again what has failed."""
    tone = RingTone(speaker, Devices(sound="pulse"), Lines() if lines is None else lines, again_seconds=0.1)
    running = asyncio.create_task(tone.run())
    try:
        yield tone
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_it_rings_on_the_chosen_speaker_until_the_call_is_answered(server: PulseServer) -> None:
    async with (
        server.running("chosen", "other") as (chosen, _),
        server.heard("chosen") as here,
        server.heard("other") as there,
        ringing(chosen.ear) as tone,
    ):
        tone.told(line(), Rings(Reason.ASK))
        await here.until_heard(LOUD)
        # On a busy machine parts of it are broken. It is repeated.
        async with asyncio.timeout(SECONDS):
            while set(notes(here.heard, *NOTES)) != NOTES:
                await asyncio.gather(here.listen(0.5), there.listen(0.5))
        assert loudness(there.heard) < SILENT
        tone.told(line(State.CONNECTING), Changed())
        await here.until_silent()


async def test_it_is_silent_while_somebody_talks(server: PulseServer) -> None:
    talking = [line(State.ACTIVE)]
    async with server.running("chosen") as (chosen,), ringing(chosen.ear, talking) as tone:
        tone.told(line(), Rings(Reason.ASK))
        await asyncio.sleep(0)
        assert await server.streams() == []
        talking.clear()
        tone.told(line(), Rings(Reason.ASK))
        await server.until_streams("sink-inputs")


async def test_without_the_chosen_speaker_another_one_rings(server: PulseServer) -> None:
    async with server.running("other"), ringing("gone") as tone:
        tone.told(line(), Rings(Reason.ASK))
        await server.until_streams("sink-inputs")


async def test_a_sound_server_that_goes_costs_the_tone_alone(server: PulseServer) -> None:
    async with ringing(SYSTEMS_SPEAKER) as tone:
        tone.told(line(), Rings(Reason.ASK))
        for _ in range(2):
            async with server.running("air"):
                await server.until_streams("sink-inputs")
