"""The microphone of this machine, as a track."""

from __future__ import annotations

import asyncio
import logging

from peer.media.live import LiveTrack
from peer.media.sound.types import SAMPLE_RATE, SAMPLES, SoundSource, SoundSystem, on_both_sides, stereo
from peer.media.tasks import end
from shared.errors import MediaError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"Between two tries to open a device that has gone."


class Microphone:
    """An open microphone. It stays open from leg to leg of a call, and is opened again when it has gone."""

    def __init__(self, system: SoundSystem, device: str) -> None:
        self._system = system
        self._device = device
        self._source: SoundSource | None = None
        self._track: LiveTrack | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the device. Raises MediaError."""
        self._source = await self._system.listen(self._device)
        self._task = tasks.create_task(self._listen())

    def track(self) -> LiveTrack:
        """A new track, which gets what is heard instead of the one before."""
        self._track = LiveTrack("audio")
        return self._track

    async def close(self) -> None:
        """Let go of the device."""
        task, self._task = self._task, None
        await end(task)
        await self._let_go()

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        begin, position = clock(), 0
        while True:
            try:
                if self._source is None:
                    self._source = await self._system.listen(self._device)
                    # What wasn't heard meanwhile is missing, not shifted.
                    position = max(position, round((clock() - begin) * SAMPLE_RATE))
                samples = await self._source.read()
            except MediaError as error:
                if self._source is not None:
                    logger.warning("the microphone has gone: %s", error.sentence)
                await self._let_go()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self._track is not None:
                self._track.put(stereo(on_both_sides(samples), position))
            position += SAMPLES

    async def _let_go(self) -> None:
        if self._source is not None:
            await self._source.close()
            # Only now: who is cancelled before leaves it to `close`.
            self._source = None
