"""Rings on a speaker of this machine while a call rings, even without a page: `[ring] speaker`."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable

from peer.calls.line import Line
from peer.calls.news import Changed, News, Rings
from peer.media.devices.choice import choose
from peer.media.ending import end
from peer.media.sound.system import open_sound
from peer.media.sound.tones import tone
from peer.media.sound.types import PLAYED_BYTES, SoundSink
from shared.call.table import State
from shared.config.schema import SYSTEMS_SPEAKER, Devices
from shared.errors import MediaError

logger = logging.getLogger(__name__)

SILENCE = 0.0
"Hertz."

RING = ((659.0, 0.2), (880.0, 0.22), (SILENCE, 0.03), (659.0, 0.2), (880.0, 0.22), (SILENCE, 1.73))
"Hertz and seconds, again and again. The handset page makes the same."

AGAIN_SECONDS = 2.0
"How long after a failure the speaker is tried again, if it still rings."

GOODBYE_SECONDS = 2.0
"What ending the tone may take when the program ends."


class RingTone:
    """Sounds as long as a call rings. In a call it is silent: it would be heard by the other side."""

    def __init__(
        self, speaker: str, devices: Devices, lines: Iterable[Line], *, again_seconds: float = AGAIN_SECONDS
    ) -> None:
        """`speaker` as configured; `lines` are the calls that there are at any moment.

        A speaker that failed is tried again after `again_seconds`.
        """
        self._wanted = "" if speaker == SYSTEMS_SPEAKER else speaker
        self._devices = devices
        self._lines = lines
        self._again_seconds = again_seconds
        self._ringing: set[int] = set()
        self._wake = asyncio.Event()
        self._logged = ""

    def told(self, line: Line, news: News) -> None:
        """See CallListener."""
        match news:
            case Rings():
                self._ringing.add(line.number)
            case Changed() if line.call.state is not State.RINGING:
                self._ringing.discard(line.number)
        self._wake.set()

    async def run(self) -> None:
        """Ring when it rings, as long as the program runs. A speaker that fails costs its sound only."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._sounds:
                try:
                    await self._ring_to_the_end()
                except MediaError as error:
                    self._log(error.sentence)
                    await asyncio.sleep(self._again_seconds)

    @property
    def _sounds(self) -> bool:
        return bool(self._ringing) and not any(line.engaged and not line.on_hold for line in self._lines)

    async def _ring_to_the_end(self) -> None:
        """As `_ring`. When the program ends, so does the tone, and no process is left behind that was just started."""
        ring = asyncio.create_task(self._ring())
        try:
            await asyncio.shield(ring)
        except asyncio.CancelledError:
            self._ringing.clear()
            await asyncio.wait([ring], timeout=GOODBYE_SECONDS)
            await end(ring)
            if not ring.cancelled() and ring.exception() is not None:
                logger.info("the ring tone ended with %r", ring.exception())
            raise

    async def _ring(self) -> None:
        """Until nothing is to sound any more. Raises MediaError."""
        system = await open_sound(self._devices)
        name = choose(self._wanted, await system.devices("speaker", self._wanted))
        if name is None:
            raise MediaError("There is no speaker to ring on.")
        sink = await system.speak(name)
        try:
            await self._sound(sink)
        finally:
            await sink.close()

    async def _sound(self, sink: SoundSink) -> None:
        samples = tone(*RING)
        for at in itertools.cycle(range(0, len(samples), PLAYED_BYTES)):
            if not self._sounds:
                return
            await sink.write(samples[at : at + PLAYED_BYTES])

    def _log(self, sentence: str) -> None:
        if sentence != self._logged:
            logger.warning("the ring tone isn't heard: %s", sentence)
            self._logged = sentence
